// SPDX-License-Identifier: MIT
// Eight devices with a context, a stream and memory each, and kernels that send to each other.
#pragma once

#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include "driver_fixture.h"

namespace cudasim::test {

inline constexpr const char* kPeerSource = R"(
extern "C" __global__ void touch(unsigned* p) { p[threadIdx.x] += 1; }
extern "C" __global__ void send(unsigned* data, unsigned* flag, unsigned value, int order, int scope) {
    data[threadIdx.x] = threadIdx.x + value;
    __syncthreads();
    if (threadIdx.x == 0) {
        unsigned one = 1;
        di_sim_store(flag, &one, 4, order, scope);
    }
}
extern "C" __global__ void receive(const unsigned* data, const unsigned* flag, unsigned* out, int order,
                                   int scope) {
    if (threadIdx.x == 0) {
        unsigned seen = 0;
        do di_sim_load(&seen, flag, 4, order, scope); while (seen == 0);
    }
    __syncthreads();
    out[threadIdx.x] = data[threadIdx.x];
}
// Hands a growing sum around a ring of devices, `rounds` times: mine and next are the mailboxes.
extern "C" __global__ void ring(volatile unsigned* unused, unsigned* mine, unsigned* mine_flag, unsigned* next,
                                unsigned* next_flag, unsigned rounds, int first) {
    for (unsigned round = 1; round <= rounds; ++round) {
        if (threadIdx.x == 0 && !(first != 0 && round == 1)) {
            unsigned want = first != 0 ? round - 1 : round, seen = 0;
            do di_sim_load(&seen, mine_flag, 4, DI_SIM_ACQUIRE, DI_SIM_SYS); while (seen != want);
        }
        __syncthreads();
        next[threadIdx.x] = mine[threadIdx.x] + threadIdx.x + 1;
        __syncthreads();
        if (threadIdx.x == 0) di_sim_store(next_flag, &round, 4, DI_SIM_RELEASE, DI_SIM_SYS);
    }
}
// All threads wait for the other device before one of them answers it.
extern "C" __global__ void volley(unsigned* mine, unsigned* other, unsigned rounds, int first) {
    for (unsigned round = 1; round <= rounds; ++round) {
        unsigned want = first != 0 ? round - 1 : round, seen = 0;
        do di_sim_load(&seen, mine, 4, DI_SIM_ACQUIRE, DI_SIM_SYS); while (seen != want);
        __syncthreads();
        if (threadIdx.x == 0) di_sim_store(other, &round, 4, DI_SIM_RELEASE, DI_SIM_SYS);
    }
}
extern "C" __global__ void sum(const unsigned* data, unsigned* out) {
    unsigned total = 0;
    for (unsigned i = 0; i < 32; ++i) total += data[i];
    out[threadIdx.x] = total;
}
)";
inline constexpr std::size_t kBytes = 128;
// Of memory or an event, as another process takes it.
using Handle = std::array<unsigned char, 64>;

class Peers : public DriverTest {
  protected:
    Peers() : DriverTest(kPeerSource) {}
    void SetUp() override {
        DriverTest::SetUp();
        int count = 0;
        ASSERT_EQ(cu.call("cuDeviceGetCount", &count), 0);
        ASSERT_EQ(count, kDevices);
        contexts[0] = context;
        streams[0] = stream;
        for (int d = 1; d < kDevices; ++d) {
            ASSERT_EQ(cu.call("cuDevicePrimaryCtxRetain", &contexts[d], d), 0);
            use(d);
            streams[d] = new_stream();
        }
        for (int d = 0; d < kDevices; ++d) {
            use(d);
            ASSERT_EQ(cu.call("cuMemAlloc", &memory[d], kBytes), 0);
            ASSERT_EQ(cu.call("cuMemAlloc", &flag[d], std::size_t{4}), 0);
            clear(d);
        }
        use(0);
    }
    void TearDown() override {
        cu.exported("di_cudasim_reset");
        for (int d = kDevices - 1; d >= 0; --d) {
            use(d);
            for (int e = 0; e < kDevices; ++e) {
                if (e != d)
                    cu.call("cuCtxDisablePeerAccess", contexts[e]);
            }
            cu.call("cuMemFree", memory[d]);
            cu.call("cuMemFree", flag[d]);
            if (d != 0) {
                cu.call("cuStreamDestroy", streams[d]);
                cu.call("cuDevicePrimaryCtxRelease", d);
            }
        }
        DriverTest::TearDown();
    }
    void use(int device) { ASSERT_EQ(cu.call("cuCtxSetCurrent", contexts[device]), 0); }
    void clear(int device) {
        use(device);
        ASSERT_EQ(cu.call("cuMemsetD8Async", memory[device], 0, kBytes, streams[device]), 0);
        ASSERT_EQ(cu.call("cuMemsetD8Async", flag[device], 0, std::size_t{4}, streams[device]), 0);
        ASSERT_EQ(sync(streams[device]), 0);
    }
    int run(int device, const char* name, std::vector<void*> parameters) {
        use(device);
        return launch(kernel(name), 1, 32, std::move(parameters), streams[device]);
    }
    int enable(int device, int peer) {
        use(device);
        return cu.call("cuCtxEnablePeerAccess", contexts[peer], 0u);
    }
    std::vector<unsigned> values(int device) {
        std::vector<unsigned> v(kBytes / 4);
        use(device);
        EXPECT_EQ(cu.call("cuMemcpyDtoH", static_cast<void*>(v.data()), memory[device], kBytes), 0);
        return v;
    }

    // Device 0 sends to device 1 while both kernels run; what the receiver's stream says, or the
    // sender's if that has failed. Then the receiver waits in vain.
    int message(int release, int acquire, int scope) {
        clear(1);
        unsigned value = 7;
        EXPECT_EQ(run(1, "receive", {&memory[1], &flag[1], &memory[2], &acquire, &scope}), 0);
        EXPECT_EQ(run(0, "send", {&memory[1], &flag[1], &value, &release, &scope}), 0);
        int sent = sync(streams[0]);
        use(1);
        int received = sync(streams[1]);
        EXPECT_TRUE(sent == 0 || received != 0);
        return sent != 0 ? sent : received;
    }

    static constexpr int kDevices = 8;
    void *contexts[kDevices] = {}, *streams[kDevices] = {};
    CUdeviceptr memory[kDevices] = {}, flag[kDevices] = {};
};

} // namespace cudasim::test
