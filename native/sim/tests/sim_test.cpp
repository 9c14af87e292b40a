// SPDX-License-Identifier: MIT
#include "sim_test.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "memory/write_trace.h"

namespace cudasim::test {

Report launch_raw(const di_sim_kernel_info& kernel, const Dims& dims, void** parameters) {
    static std::atomic<std::uint64_t> sequence{0};
    LaunchConfig config;
    config.name = kernel.name;
    config.call = kernel.call;
    config.parameters = parameters;
    config.grid = dims.grid;
    config.block = dims.block;
    config.cluster = dims.cluster;
    config.shared_bytes = dims.shared;
    config.cooperative = dims.cooperative;
    config.seed = dims.seed;
    config.policy = dims.policy;
    config.workers = dims.workers;
    config.checks = dims.checks;
    config.trace = dims.trace;
    // One stream: every launch sees all before it.
    config.stamp = {0, ++sequence};
    config.visible = {config.stamp.sequence - 1};
    return run_launch(config);
}

std::string wrong_value(const char* name, std::size_t row, std::size_t column, double value,
                        double expected, const void* address) {
    char text[256];
    std::snprintf(text, sizeof text, "wrong value at %s[%zu][%zu]: %g, expected %g; ", name, row,
                  column, value, expected);
    return text + describe_last_writer(address);
}

unsigned seed_count() {
    const char* text = std::getenv("DEEPINFRA_SIM_SEEDS");
    if (text == nullptr)
        return 20;
    const int count = std::atoi(text);
    if (count <= 0) {
        std::fprintf(stderr, "DEEPINFRA_SIM_SEEDS: expected a positive number, got %s\n", text);
        std::abort();
    }
    return static_cast<unsigned>(count);
}

void print_verdict(unsigned seed, const std::string& kind) {
    std::printf("verdict: seed %u, %s\n", seed, kind.c_str());
    std::fflush(stdout);
}

} // namespace cudasim::test
