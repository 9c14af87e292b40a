// SPDX-License-Identifier: MIT
// Entry points on a machine without memory: each allocation of a call fails in turn, and the call
// answers that there is none instead of throwing across the border, or ending the process.
#include <functional>
#include <vector>

#include "allocation_limit.h"
#include "driver_fixture.h"

namespace cudasim::test {
namespace {

constexpr int kOutOfMemory = 2;

class Failures : public DriverTest {
  protected:
    Failures() : DriverTest("extern \"C\" __global__ void add_one(int* p) { atomicAdd(p, 1); }") {}

    // The failures before call() succeeds; it must answer `failure` to all.
    int failures_of(int failure, const std::function<int()>& call) {
        for (int n = 0; n < 1000; ++n) {
            limit_allocations(n);
            const int result = call();
            end_limit();
            if (result == 0)
                return n;
            EXPECT_EQ(result, failure) << "allocation " << n;
            if (result != failure)
                return -1;
        }
        return -1;
    }
};

TEST_F(Failures, EveryAllocationOfACall_AnswersOutOfMemory) {
    CUdeviceptr p = alloc(256), more = 0;
    void *k = kernel("add_one"), *own = nullptr, *event = nullptr, *page_locked = nullptr;
    void* parameters[] = {&p, nullptr};
    ASSERT_EQ(sync(stream), 0);
    auto driver = [&](auto... arguments) {
        return failures_of(kOutOfMemory, [&] { return cu.call(arguments...); });
    };
    EXPECT_GT(driver("cuStreamCreate", &own, 1u), 0);
    EXPECT_GT(driver("cuEventCreate", &event, 0u), 0);
    EXPECT_GT(driver("cuMemAlloc", &more, std::size_t{64}), 0);
    EXPECT_GT(driver("cuMemHostAlloc", &page_locked, std::size_t{64}, 0u), 0);
    EXPECT_GT(driver("cuMemsetD32Async", p, 0u, std::size_t{64}, own), 0);
    EXPECT_GT(driver("cuMemcpyDtoDAsync", more, p, std::size_t{64}, own), 0);
    EXPECT_GT(driver("cuEventRecord", event, own), 0);
    EXPECT_GE(driver("cuStreamWaitEvent", stream, event, 0u), 0);
    EXPECT_GT(driver("cuLaunchKernel", k, 1u, 1u, 1u, 32u, 1u, 1u, 0u, own,
                     static_cast<void**>(parameters), static_cast<void**>(nullptr)),
              0);
    ASSERT_EQ(cu.call("cuStreamSynchronize", own), 0) << cu.last_report();
    void* graph = nullptr;
    EXPECT_GT(driver("cuStreamBeginCapture", own, 0), 0);
    EXPECT_EQ(cu.call("cuStreamEndCapture", own, &graph), 0);
    EXPECT_EQ(cu.call("cuGraphDestroy", graph), 0);
    std::vector<char> host(64);
    EXPECT_GT(driver("cuMemHostRegister", static_cast<void*>(host.data()), host.size(), 0u), 0);
    EXPECT_EQ(cu.call("cuMemHostUnregister", static_cast<void*>(host.data())), 0);
    int value = 0;
    ASSERT_EQ(cu.call("cuMemcpyDtoH", static_cast<void*>(&value), p, sizeof value), 0)
        << cu.last_report();
    EXPECT_EQ(value, 32);
    EXPECT_EQ(cu.call("cuMemFreeHost", page_locked), 0);
    EXPECT_EQ(cu.call("cuMemFree", more), 0);
    EXPECT_EQ(cu.call("cuEventDestroy", event), 0);
    limit_allocations(0); // a destroyed stream needs none
    EXPECT_EQ(cu.call("cuStreamDestroy", own), 0);
    end_limit();
    EXPECT_EQ(cu.call("cuMemFree", p), 0);
}

void take_memory(void*) { limit_allocations(0); }

TEST_F(Failures, OfATaskOfAStream_BreakTheContext) {
    CUdeviceptr p = alloc(256);
    void *own = new_stream(), *k = kernel("add_one");
    ASSERT_EQ(sync(stream), 0);
    ASSERT_EQ(cu.call("cuMemsetD32Async", p, 0u, std::size_t{64}, own), 0);
    ASSERT_EQ(cu.call("cuStreamSynchronize", own), 0);

    ASSERT_EQ(cu.call("cuLaunchHostFunc", own, &take_memory, static_cast<void*>(nullptr)), 0);
    launch(k, 1, 32, {&p}, own);

    EXPECT_EQ(cu.call("cuStreamSynchronize", own), kOutOfMemory);
    cu.exported("di_cudasim_reset");
    EXPECT_EQ(cu.call("cuStreamDestroy", own), 0);
    EXPECT_EQ(launch(k, 1, 32, {&p}, stream), 0);
    EXPECT_EQ(sync(stream), 0) << cu.last_report();
    EXPECT_EQ(cu.call("cuMemFree", p), 0);
}

} // namespace
} // namespace cudasim::test
