// SPDX-License-Identifier: MIT
// Several devices in one process.
#include <array>
#include <chrono>
#include <cstring>
#include <map>
#include <string>
#include <thread>

#include "peer_fixture.h"
#include "planted_bugs.h"

namespace cudasim::test {
namespace {

// Two devices replace each other's readers of two flags all the time, while memory of a third is
// read by many, released and taken again: whoever reads what must not be mixed up.
TEST_F(Peers, Readers_OfOneDevice_AreNotTakenForThoseOfAnother) {
    ASSERT_EQ(enable(1, 2), 0);
    ASSERT_EQ(enable(2, 1), 0);
    unsigned rounds = 400;
    int first = 1, second = 0;
    ASSERT_EQ(run(1, "volley", {&flag[1], &flag[2], &rounds, &first}), 0);
    ASSERT_EQ(run(2, "volley", {&flag[2], &flag[1], &rounds, &second}), 0);
    for (int i = 0; i < 200; ++i) {
        use(0);
        CUdeviceptr data = 0;
        ASSERT_EQ(cu.call("cuMemAlloc", &data, kBytes), 0);
        ASSERT_EQ(cu.call("cuMemsetD8Async", data, 0, kBytes, streams[0]), 0);
        ASSERT_EQ(run(0, "sum", {&data, &memory[0]}), 0);
        ASSERT_EQ(cu.call("cuMemFree", data), 0) << cu.last_report();
        ASSERT_EQ(sync(streams[0]), 0) << cu.last_report();
    }
    for (int d = 1; d <= 2; ++d) {
        use(d);
        EXPECT_EQ(sync(streams[d]), 0) << cu.last_report();
    }
}

TEST_F(Peers, Access_WithoutEnabling_IsReported) {
    for (int round = 0; round < 2; ++round) {
        ASSERT_EQ(run(0, "touch", {&memory[1]}), 0);
        EXPECT_EQ(sync(streams[0]), CUDA_ERROR_ILLEGAL_ADDRESS);
        EXPECT_EQ(cu.last_report().find("cudasim: no peer access"), 0u) << cu.last_report();
        EXPECT_NE(cu.last_report().find("test.cu:"), std::string::npos) << cu.last_report();
        cu.exported("di_cudasim_reset");
        ASSERT_EQ(enable(0, 1), 0);
        ASSERT_EQ(run(0, "touch", {&memory[1]}), 0);
        EXPECT_EQ(sync(streams[0]), 0) << cu.last_report();
        // Access has a direction.
        ASSERT_EQ(run(1, "touch", {&memory[0]}), 0);
        EXPECT_EQ(sync(streams[1]), CUDA_ERROR_ILLEGAL_ADDRESS);
        cu.exported("di_cudasim_reset");
        use(0);
        EXPECT_EQ(cu.call("cuCtxDisablePeerAccess", contexts[1]), 0);
    }
    EXPECT_EQ(values(1)[3], 2u);
}

TEST_F(Peers, EnableAndDisable_WrongArguments_AreRejected) {
    EXPECT_EQ(enable(0, 1), 0);
    EXPECT_EQ(enable(0, 1), CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED);
    EXPECT_EQ(enable(0, 0), CUDA_ERROR_INVALID_DEVICE);
    EXPECT_EQ(cu.call("cuCtxEnablePeerAccess", contexts[2], 1u), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cu.call("cuCtxDisablePeerAccess", contexts[2]), CUDA_ERROR_PEER_ACCESS_NOT_ENABLED);
    int can = 0;
    EXPECT_EQ(cu.call("cuDeviceCanAccessPeer", &can, 0, 3), 0);
    EXPECT_EQ(can, 1);
    EXPECT_EQ(cu.call("cuDeviceCanAccessPeer", &can, 2, 2), 0);
    EXPECT_EQ(can, 0);
    EXPECT_EQ(cu.call("cuDeviceCanAccessPeer", &can, 0, 9), CUDA_ERROR_INVALID_DEVICE);
}

TEST_F(Peers, PoolMemory_NeedsTheAccessOfThePool) {
    ASSERT_EQ(enable(1, 0), 0);
    use(0);
    CUdeviceptr p = alloc(kBytes);
    ASSERT_EQ(cu.call("cuMemsetD8Async", p, 0, kBytes, stream), 0);
    ASSERT_EQ(sync(stream), 0);
    ASSERT_EQ(run(1, "touch", {&p}), 0);
    EXPECT_EQ(sync(streams[1]), CUDA_ERROR_ILLEGAL_ADDRESS);
    EXPECT_NE(cu.last_report().find("pool"), std::string::npos) << cu.last_report();
    cu.exported("di_cudasim_reset");
    void* pool = nullptr;
    int access[3] = {1, 1, 3};
    ASSERT_EQ(cu.call("cuDeviceGetDefaultMemPool", &pool, 0), 0);
    ASSERT_EQ(
        cu.call("cuMemPoolSetAccess", pool, static_cast<const int*>(&access[0]), std::size_t{1}),
        0);
    ASSERT_EQ(run(1, "touch", {&p}), 0);
    EXPECT_EQ(sync(streams[1]), 0) << cu.last_report();
    access[2] = 0;
    cu.call("cuMemPoolSetAccess", pool, static_cast<const int*>(&access[0]), std::size_t{1});
    use(0);
    cu.call("cuMemFreeAsync", p, stream);
    Handle handle;
    EXPECT_EQ(cu.call("cuIpcGetMemHandle", &handle, p), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(Peers, CopyBetweenDevices_NeedsNoPeerAccess) {
    ASSERT_EQ(run(3, "touch", {&memory[3]}), 0);
    ASSERT_EQ(cu.call("cuMemcpyPeerAsync", memory[2], contexts[2], memory[3], contexts[3], kBytes,
                      streams[3]),
              0);
    ASSERT_EQ(sync(streams[3]), 0);
    EXPECT_EQ(values(2)[31], 1u);
    EXPECT_EQ(cu.call("cuMemcpyPeer", memory[2], contexts[3], memory[3], contexts[3], kBytes),
              CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cu.call("cuMemcpyPeer", memory[2], contexts[2], memory[3],
                      static_cast<void*>(nullptr), kBytes),
              CUDA_ERROR_INVALID_CONTEXT);
}

TEST_F(Peers, CopyAndKernelOfAnotherDevice_WithoutAnEvent_IsARace) {
    void* event = nullptr;
    ASSERT_EQ(enable(1, 0), 0);
    ASSERT_EQ(cu.call("cuEventCreate", &event, 2u), 0);
    auto copy = [&] {
        EXPECT_EQ(cu.call("cuMemcpyPeerAsync", memory[2], contexts[2], memory[0], contexts[0],
                          kBytes, streams[2]),
                  0);
    };
    ASSERT_EQ(run(1, "touch", {&memory[0]}), 0);
    copy();
    int a = sync(streams[1]);
    use(2);
    int b = sync(streams[2]);
    EXPECT_TRUE(a == CUDA_ERROR_LAUNCH_FAILED || b == CUDA_ERROR_LAUNCH_FAILED);
    EXPECT_EQ(cu.last_report().find("cudasim: race"), 0u) << cu.last_report();
    cu.exported("di_cudasim_reset");
    ASSERT_EQ(run(1, "touch", {&memory[0]}), 0);
    ASSERT_EQ(cu.call("cuEventRecord", event, streams[1]), 0);
    ASSERT_EQ(cu.call("cuStreamWaitEvent", streams[2], event, 0u), 0);
    copy();
    use(2);
    EXPECT_EQ(sync(streams[2]), 0) << cu.last_report();
    cu.call("cuEventDestroy", event);
}

TEST_F(Peers, ReleaseAndAcquireOfTheSystem_OrderDevices) {
    ASSERT_EQ(enable(0, 1), 0);
    ASSERT_EQ(enable(1, 2), 0);
    for (unsigned i = 0; i < 100; ++i) {
        ASSERT_EQ(message(DI_SIM_RELEASE, DI_SIM_ACQUIRE, DI_SIM_SYS), 0) << cu.last_report();
        ASSERT_EQ(values(2)[5], 12u);
    }
}

TEST_F(Peers, MissingReleaseOrAcquire_IsFoundOnEverySeed) {
    ASSERT_EQ(enable(0, 1), 0);
    ASSERT_EQ(enable(1, 2), 0);
    struct Case {
        const char* bug;
        int release, acquire, scope;
    };
    for (const Case& c :
         {Case{"missing release between devices", DI_SIM_RELAXED, DI_SIM_ACQUIRE, DI_SIM_SYS},
          Case{"missing acquire between devices", DI_SIM_RELEASE, DI_SIM_RELAXED, DI_SIM_SYS},
          Case{"scope of one GPU between devices", DI_SIM_RELEASE, DI_SIM_ACQUIRE, DI_SIM_GPU}}) {
        std::map<std::string, unsigned> kinds;
        for (unsigned i = 0; i < kBugSeeds; ++i) {
            int result = message(c.release, c.acquire, c.scope);
            EXPECT_EQ(result, CUDA_ERROR_LAUNCH_FAILED) << c.bug;
            std::string report = cu.last_report();
            // Of accesses that are not morally strong, the later one is reported.
            bool sender = report.find("cudasim: race in kernel ") != 0;
            if (sender) {
                EXPECT_EQ(report.find("cudasim: deadlock in kernel "), 0u) << report;
                EXPECT_NE(report.find("another kernel has failed: cudasim: race in kernel "),
                          std::string::npos)
                    << report;
                EXPECT_EQ(c.scope, DI_SIM_GPU);
            } else {
                EXPECT_NE(report.find("receive (seed "), std::string::npos) << report;
                EXPECT_NE(report.find("send (stream "), std::string::npos) << report;
                EXPECT_NE(report.find("thread ("), std::string::npos) << report;
                EXPECT_EQ(report.find("scope .gpu here and .gpu there, but the threads are on "
                                      "different devices; both must have scope .sys") !=
                              std::string::npos,
                          c.scope == DI_SIM_GPU)
                    << report;
            }
            ++kinds[result != 0 ? "race" : ""];
            cu.exported("di_cudasim_reset");
        }
        record_planted_bug(c.bug, kinds);
    }
}

// What the sender's stream did before is passed on by its release.
TEST_F(Peers, WorkBeforeTheSender_IsPassedOn) {
    ASSERT_EQ(enable(0, 1), 0);
    ASSERT_EQ(enable(1, 0), 0);
    unsigned value = 7;
    int release = DI_SIM_RELEASE, acquire = DI_SIM_ACQUIRE, scope = DI_SIM_SYS;
    for (unsigned i = 0; i < 20; ++i) {
        clear(1);
        // memory[0] is written by a copy and a kernel, memory[2] by the sender.
        ASSERT_EQ(run(1, "receive", {&memory[0], &flag[1], &memory[1], &acquire, &scope}), 0);
        use(0);
        ASSERT_EQ(cu.call("cuMemcpyPeerAsync", memory[0], contexts[0], memory[3], contexts[3],
                          kBytes, streams[0]),
                  0);
        ASSERT_EQ(run(0, "touch", {&memory[0]}), 0);
        CUdeviceptr scratch = 0;
        ASSERT_EQ(cu.call("cuMemAllocAsync", &scratch, kBytes, streams[0]), 0);
        ASSERT_EQ(run(0, "send", {&scratch, &flag[1], &value, &release, &scope}), 0);
        ASSERT_EQ(cu.call("cuMemFreeAsync", scratch, streams[0]), 0);
        ASSERT_EQ(sync(streams[0]), 0) << cu.last_report();
        use(1);
        ASSERT_EQ(sync(streams[1]), 0) << cu.last_report();
    }
}

TEST_F(Peers, Ring_AllDevicesAtTheSameTime) {
    for (int d = 0; d < kDevices; ++d)
        ASSERT_EQ(enable(d, (d + 1) % kDevices), 0);
    CUdeviceptr unused = memory[0];
    unsigned rounds = 5;
    for (int d = kDevices - 1; d >= 0; --d) {
        int first = d == 0, next = (d + 1) % kDevices;
        ASSERT_EQ(run(d, "ring",
                      {&unused, &memory[d], &flag[d], &memory[next], &flag[next], &rounds, &first}),
                  0);
    }
    for (int d = 0; d < kDevices; ++d) {
        use(d);
        ASSERT_EQ(sync(streams[d]), 0) << cu.last_report();
    }
    EXPECT_EQ(values(0)[3], rounds * kDevices * 4);
}

} // namespace
} // namespace cudasim::test
