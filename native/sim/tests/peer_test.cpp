// SPDX-License-Identifier: MIT
// Several devices in one process, and memory and events shared with another process.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <map>
#include <string>
#include <thread>

#include "driver_fixture.h"
#include "planted_bugs.h"

extern char** environ;

namespace cudasim::test {
namespace {

constexpr const char* kSource = R"(
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
constexpr std::size_t kBytes = 128;
using Handle = std::array<unsigned char, 64>;

class Peers : public DriverTest {
  protected:
    Peers() : DriverTest(kSource) {}
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

// --- another process: this program again, with one test and what it needs in variables ---
std::string hex(const void* data) {
    std::string text;
    for (unsigned i = 0; i < 64; ++i) {
        char two[3];
        std::snprintf(two, sizeof two, "%02x", static_cast<const unsigned char*>(data)[i]);
        text += two;
    }
    return text;
}
Handle unhex(const char* text) {
    Handle handle{};
    for (unsigned i = 0; i < 64; ++i) {
        char two[3] = {text[2 * i], text[2 * i + 1], 0};
        handle[i] = static_cast<unsigned char>(std::strtoul(two, nullptr, 16));
    }
    return handle;
}
pid_t start(const char* filter) {
    char self[4096] = {};
    EXPECT_GT(readlink("/proc/self/exe", self, sizeof self - 1), 0);
    std::string option = std::string("--gtest_filter=") + filter;
    char brief[] = "--gtest_brief=1";
    char* arguments[] = {self, option.data(), brief, nullptr};
    pid_t child = 0;
    EXPECT_EQ(posix_spawn(&child, self, nullptr, nullptr, arguments, environ), 0);
    return child;
}
int finish(pid_t child) {
    int status = -1;
    waitpid(child, &status, 0);
    return status;
}

TEST_F(Peers, Ipc_MemoryAndEvents_AreSharedWithAnotherProcess) {
    Handle mapped, ready, done;
    void *first = nullptr, *second = nullptr, *plain = nullptr;
    ASSERT_EQ(cu.call("cuEventCreate", &plain, 2u), 0);
    EXPECT_EQ(cu.call("cuIpcGetEventHandle", &ready, plain), CUDA_ERROR_INVALID_HANDLE);
    EXPECT_EQ(cu.call("cuEventCreate", &first, 4u), CUDA_ERROR_INVALID_VALUE); // with timing
    ASSERT_EQ(cu.call("cuEventCreate", &first, 6u), 0);
    ASSERT_EQ(cu.call("cuEventCreate", &second, 6u), 0);
    ASSERT_EQ(cu.call("cuIpcGetMemHandle", &mapped, memory[0]), 0);
    ASSERT_EQ(cu.call("cuIpcGetEventHandle", &ready, first), 0);
    ASSERT_EQ(cu.call("cuIpcGetEventHandle", &done, second), 0);
    CUdeviceptr same = 0;
    EXPECT_EQ(cu.call("cuIpcOpenMemHandle", &same, mapped, 1u), CUDA_ERROR_INVALID_CONTEXT);
    EXPECT_EQ(cu.call("cuIpcOpenMemHandle", &same, mapped, 0u), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cu.call("cuIpcOpenEventHandle", &plain, Handle{}), CUDA_ERROR_INVALID_VALUE);
    setenv("CUDASIM_TEST_MEMORY", hex(&mapped).c_str(), 1);
    setenv("CUDASIM_TEST_READY", hex(&ready).c_str(), 1);
    setenv("CUDASIM_TEST_DONE", hex(&done).c_str(), 1);
    ASSERT_EQ(run(0, "touch", {&memory[0]}), 0);
    ASSERT_EQ(cu.call("cuEventRecord", first, stream), 0);
    pid_t child = start("IpcChild.AddsInOrder");

    EXPECT_EQ(finish(child), 0);
    EXPECT_EQ(cu.call("cuStreamWaitEvent", stream, second, 0u), 0);
    ASSERT_EQ(run(0, "touch", {&memory[0]}), 0);
    ASSERT_EQ(sync(stream), 0) << cu.last_report();
    EXPECT_EQ(values(0)[9], 3u);
    cu.call("cuEventDestroy", first);
    cu.call("cuEventDestroy", second);
    cu.call("cuEventDestroy", plain);
    unsetenv("CUDASIM_TEST_MEMORY");
}

TEST_F(Peers, Ipc_KernelsOfTwoProcesses_SignalEachOther) {
    Handle data, mark;
    int order = DI_SIM_ACQUIRE, scope = DI_SIM_SYS;
    ASSERT_EQ(cu.call("cuIpcGetMemHandle", &data, memory[0]), 0);
    ASSERT_EQ(cu.call("cuIpcGetMemHandle", &mark, flag[0]), 0);
    setenv("CUDASIM_TEST_MEMORY", hex(&data).c_str(), 1);
    setenv("CUDASIM_TEST_FLAG", hex(&mark).c_str(), 1);
    // It polls until the other process sends.
    CUdeviceptr out = alloc(kBytes);
    ASSERT_EQ(run(0, "receive", {&memory[0], &flag[0], &out, &order, &scope}), 0);
    pid_t child = start("IpcChild.Sends");

    EXPECT_EQ(finish(child), 0);
    ASSERT_EQ(sync(stream), 0) << cu.last_report();
    unsigned got[32];
    ASSERT_EQ(cu.call("cuMemcpyDtoH", static_cast<void*>(&got[0]), out, kBytes), 0);
    EXPECT_EQ(got[31], 131u);
    cu.call("cuMemFreeAsync", out, stream);
    unsetenv("CUDASIM_TEST_MEMORY");
}

TEST_F(Peers, Ipc_RecorderIsKilled_WaitsEndWithAnError) {
    Handle never;
    void* event = nullptr;
    ASSERT_EQ(cu.call("cuEventCreate", &event, 6u), 0);
    ASSERT_EQ(cu.call("cuIpcGetEventHandle", &never, event), 0);
    setenv("CUDASIM_TEST_MEMORY", "none", 1);
    setenv("CUDASIM_TEST_READY", hex(&never).c_str(), 1);
    ASSERT_EQ(cu.call("cuEventQuery", event), 0);
    pid_t child = start("IpcChild.RecordsAndHangs");
    while (cu.call("cuEventQuery", event) == 0)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_EQ(cu.call("cuEventQuery", event), CUDA_ERROR_NOT_READY);
    // Somebody waits in a stream and somebody on the host when it dies.
    ASSERT_EQ(cu.call("cuStreamWaitEvent", stream, event, 0u), 0);
    ASSERT_EQ(run(0, "touch", {&memory[0]}), 0);
    int result = -1;
    std::thread waiter([&] {
        cu.call("cuCtxPushCurrent", context);
        result = cu.call("cuEventSynchronize", event);
    });

    ASSERT_EQ(kill(child, SIGKILL), 0);

    // It stays a zombie until finish().
    waiter.join();
    EXPECT_EQ(result, CUDA_ERROR_OPERATING_SYSTEM);
    EXPECT_EQ(sync(stream), CUDA_ERROR_LAUNCH_FAILED);
    EXPECT_NE(cu.last_report().find("has ended"), std::string::npos) << cu.last_report();
    cu.exported("di_cudasim_reset");
    EXPECT_EQ(cu.call("cuEventQuery", event), CUDA_ERROR_OPERATING_SYSTEM);
    EXPECT_NE(finish(child), 0);
    EXPECT_EQ(cu.call("cuEventSynchronize", event), CUDA_ERROR_OPERATING_SYSTEM);
    // The next record works again.
    EXPECT_EQ(cu.call("cuEventRecord", event, stream), 0);
    EXPECT_EQ(cu.call("cuEventSynchronize", event), 0);
    cu.call("cuEventDestroy", event);
    unsetenv("CUDASIM_TEST_MEMORY");
}

class IpcChild : public DriverTest {
  protected:
    IpcChild() : DriverTest(kSource) {}
    void SetUp() override {
        if (std::getenv("CUDASIM_TEST_MEMORY") == nullptr)
            GTEST_SKIP() << "only meaningful in a child process";
        DriverTest::SetUp();
    }
    void TearDown() override {
        if (stream != nullptr)
            DriverTest::TearDown();
    }
    CUdeviceptr open(const char* variable) {
        CUdeviceptr p = 0;
        EXPECT_EQ(cu.call("cuIpcOpenMemHandle", &p, unhex(std::getenv(variable)), 1u), 0);
        return p;
    }
};

TEST_F(IpcChild, AddsInOrder) {
    void *ready = nullptr, *done = nullptr;
    CUdeviceptr p = open("CUDASIM_TEST_MEMORY");
    ASSERT_EQ(cu.call("cuIpcOpenEventHandle", &ready, unhex(std::getenv("CUDASIM_TEST_READY"))), 0);
    ASSERT_EQ(cu.call("cuIpcOpenEventHandle", &done, unhex(std::getenv("CUDASIM_TEST_DONE"))), 0);
    ASSERT_EQ(cu.call("cuStreamWaitEvent", stream, ready, 0u), 0);
    ASSERT_EQ(launch(kernel("touch"), 1, 32, {&p}, stream), 0);
    ASSERT_EQ(cu.call("cuEventRecord", done, stream), 0);
    ASSERT_EQ(cu.call("cuEventSynchronize", done), 0) << cu.last_report();
    EXPECT_EQ(cu.call("cuIpcCloseMemHandle", p), 0);
    EXPECT_EQ(cu.call("cuIpcCloseMemHandle", p), CUDA_ERROR_INVALID_VALUE);
    // A kernel that still uses it is told.
    ASSERT_EQ(launch(kernel("touch"), 1, 32, {&p}, stream), 0);
    EXPECT_EQ(sync(stream), CUDA_ERROR_ILLEGAL_ADDRESS);
    cu.exported("di_cudasim_reset");
    cu.call("cuEventDestroy", ready);
    cu.call("cuEventDestroy", done);
}

void hang(void*) {
    for (;;)
        pause();
}

TEST_F(IpcChild, RecordsAndHangs) {
    if (std::getenv("CUDASIM_TEST_READY") == nullptr)
        GTEST_SKIP() << "only meaningful in a child process";
    void* event = nullptr;
    ASSERT_EQ(cu.call("cuIpcOpenEventHandle", &event, unhex(std::getenv("CUDASIM_TEST_READY"))), 0);
    ASSERT_EQ(cu.call("cuLaunchHostFunc", stream, &hang, static_cast<void*>(nullptr)), 0);
    ASSERT_EQ(cu.call("cuEventRecord", event, stream), 0);
    sync(stream); // until it is killed
}

TEST_F(IpcChild, Sends) {
    CUdeviceptr p = open("CUDASIM_TEST_MEMORY"), f = open("CUDASIM_TEST_FLAG");
    unsigned value = 100;
    int order = DI_SIM_RELEASE, scope = DI_SIM_SYS;
    ASSERT_EQ(launch(kernel("send"), 1, 32, {&p, &f, &value, &order, &scope}, stream), 0);
    ASSERT_EQ(sync(stream), 0) << cu.last_report();
    EXPECT_EQ(cu.call("cuIpcCloseMemHandle", p), 0);
    EXPECT_EQ(cu.call("cuIpcCloseMemHandle", f), 0);
}

} // namespace
} // namespace cudasim::test
