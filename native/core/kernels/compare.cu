// SPDX-License-Identifier: MIT
// What: how many elements of two tensors differ by more than a tolerance, the first of them, the
// largest difference. Tensors: actual and expected, same shape, any number types and strides; a
// result record in global memory. Tiling: reset: one thread. compare: grid-stride loop, one element
// per thread and step; each thread sums up what it saw
//   and adds it to the result by integer atomics, which do not depend on the order.
// Bound: memory, two loads per element.
#include "core/kernels/layout.cuh"
#include "core/kernels/numbers.cuh"

namespace di::core {

extern "C" __global__ void di_core_compare_reset(const __grid_constant__ CompareParams params) {
    if (blockIdx.x != 0 || threadIdx.x != 0)
        return;
    *params.different = 0;
    *params.first = ~0ull;
    *params.largest_bits = 0;
    *params.unordered = 0;
}

extern "C" __global__ void di_core_compare(const __grid_constant__ CompareParams params) {
    unsigned long long different = 0, first = ~0ull;
    unsigned int largest = 0, unordered = 0;
    for (long long i = first_index(); i < params.layout.elements; i += index_step()) {
        long long offsets[2];
        locate(params.layout, i, offsets);
        const float actual = load_number(params.actual, params.actual_type, offsets[0]);
        const float expected = load_number(params.expected, params.expected_type, offsets[1]);
        const bool both_nan = actual != actual && expected != expected;
        if (both_nan || actual == expected)
            continue;
        const unsigned int difference = bits_of(actual - expected) & kMagnitudeMask;
        const float tolerance =
            params.absolute + params.relative * float_of(bits_of(expected) & kMagnitudeMask);
        const bool comparable = difference < kInfinity;
        if (comparable)
            largest = largest > difference ? largest : difference;
        else
            unordered++;
        if (!comparable || float_of(difference) > tolerance) {
            different++;
            first = first < static_cast<unsigned long long>(i) ? first
                                                               : static_cast<unsigned long long>(i);
        }
    }
    if (largest != 0)
        atomicMax(params.largest_bits, largest);
    if (unordered != 0)
        atomicAdd(params.unordered, unordered);
    if (different != 0) {
        atomicAdd(params.different, different);
        atomicMin(params.first, first);
    }
}

} // namespace di::core
