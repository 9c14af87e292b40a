// SPDX-License-Identifier: MIT
// Launching kernels of this executable on the simulator, without the driver face.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/launch.h"
#include "memory/device_heap.h"

namespace cudasim::test {

struct Dims {
    di_sim_uint3 grid{1, 1, 1}, block{32, 1, 1};
    std::uint32_t shared = 0;
    di_sim_uint3 cluster{1, 1, 1};
    bool cooperative = false;
    std::uint64_t seed = 1;
    int policy = -1;
    unsigned workers = 0;
    bool checks = true;
    bool trace = false; // so that wrong_value can say who wrote it
};

// "wrong value at d[2][5]: 3, expected 4; ..., last written by the store of block ... at
// kernel.cu:9".
std::string wrong_value(const char* name, std::size_t row, std::size_t column, double value,
                        double expected, const void* address);

Report launch_raw(const di_sim_kernel_info& kernel, const Dims& dims, void** parameters);

template <typename... A>
Report launch(const di_sim_kernel_info& kernel, const Dims& dims, const A&... arguments) {
    void* parameters[sizeof...(A) + 1] = {const_cast<A*>(&arguments)..., nullptr};
    return launch_raw(kernel, dims, parameters);
}

// Schedules that a test of a correct kernel runs: DEEPINFRA_SIM_SEEDS, or 20.
unsigned seed_count();
// Prints "verdict: seed <n>, <kind>", which tells the mutation run what gave a broken kernel away.
void print_verdict(unsigned seed, const std::string& kind);

// Runs a kernel under schedules 1 to seed_count(). Stops at the first one with a report, or after
// which check() has failed a test.
template <typename Run, typename Check> void expect_right_on_all_seeds(Run run, Check check) {
    for (unsigned seed = 1; seed <= seed_count(); ++seed) {
        SCOPED_TRACE(testing::Message() << "seed " << seed);
        const Report report = run(seed);
        if (!report.empty()) {
            print_verdict(seed, report.kind);
            FAIL() << report.text;
        }
        check();
        if (testing::Test::HasFailure()) {
            print_verdict(seed, "wrong result");
            return;
        }
    }
}

// Device memory that frees itself.
template <typename T> class Buffer {
  public:
    explicit Buffer(std::size_t count) : count_(count) {
        data_ = reinterpret_cast<T*>(DeviceHeap::instance().allocate(0, count * sizeof(T)));
    }
    Buffer(std::size_t count, T value) : Buffer(count) {
        for (std::size_t i = 0; i < count; ++i)
            data_[i] = value;
    }
    ~Buffer() {
        if (data_ != nullptr)
            DeviceHeap::instance().free(data_);
    }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    void free_early() {
        DeviceHeap::instance().free(data_);
        data_ = nullptr;
    }
    T* data() { return data_; }
    T& operator[](std::size_t i) { return data_[i]; }
    std::size_t size() const { return count_; }

  private:
    T* data_;
    std::size_t count_;
};

// The report of the first of n seeds (from 1) that does not give this kind, or the kind itself.
template <typename Run>
std::string kind_on_all_seeds(unsigned n, const std::string& kind, Run run) {
    for (unsigned seed = 1; seed <= n; ++seed) {
        Report report = run(seed);
        if (report.kind != kind) {
            return "seed " + std::to_string(seed) + ": [" + report.kind + "] " + report.text;
        }
    }
    return kind;
}

} // namespace cudasim::test
