// SPDX-License-Identifier: MIT
// Matrix multiplication in binary64, term by term.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

namespace di::reference {

struct Sum {
    double value = 0;
    double magnitude = 0; // sum of the terms' magnitudes, which rounding errors are relative to

    void add(double term) {
        value += term;
        magnitude += std::fabs(term);
    }
};

// d[m, n] = sum over k of a(m, k) b(n, k), row by row. a and b give elements with their scales.
template <typename A, typename B>
std::vector<Sum> multiply(std::size_t m, std::size_t n, std::size_t k, A a, B b) {
    std::vector<Sum> sums(m * n);
    for (std::size_t row = 0; row < m; row++)
        for (std::size_t column = 0; column < n; column++)
            for (std::size_t i = 0; i < k; i++)
                sums[row * n + column].add(a(row, i) * b(column, i));
    return sums;
}

} // namespace di::reference
