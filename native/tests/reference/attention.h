// SPDX-License-Identifier: MIT
// Attention of one query row in binary64, in two passes.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace di::reference {

struct AttentionRow {
    std::vector<double> out; // zeros if no key is visible
    double lse;              // natural logarithm of the sum; +infinity if no key is visible
};

// x[j] = scale (q . key[j]) over dim_qk elements, p = softmax(x), out = sum of p[j] key[j] over the
// first dim_v elements. q(d) and key(j, d) give elements; j counts visible keys.
template <typename Query, typename Key>
AttentionRow attend(std::size_t visible, std::size_t dim_qk, std::size_t dim_v, double scale,
                    Query q, Key key) {
    AttentionRow row{std::vector<double>(dim_v), std::numeric_limits<double>::infinity()};
    if (visible == 0)
        return row;
    std::vector<double> x(visible);
    for (std::size_t j = 0; j < visible; j++) {
        for (std::size_t d = 0; d < dim_qk; d++)
            x[j] += q(d) * key(j, d);
        x[j] *= scale;
    }
    const double largest = *std::max_element(x.begin(), x.end());
    double sum = 0;
    for (std::size_t j = 0; j < visible; j++) {
        const double p = std::exp(x[j] - largest);
        sum += p;
        for (std::size_t d = 0; d < dim_v; d++)
            row.out[d] += p * key(j, d);
    }
    for (double& value : row.out)
        value /= sum;
    row.lse = largest + std::log(sum);
    return row;
}

} // namespace di::reference
