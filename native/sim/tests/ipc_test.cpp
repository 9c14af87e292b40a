// SPDX-License-Identifier: MIT
// Memory and events shared with another process.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "peer_fixture.h"

extern char** environ;

namespace cudasim::test {
namespace {

// The other process is this program again, with one test and what it needs in variables.
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

class Ipc : public Peers {};

TEST_F(Ipc, MemoryAndEvents_AreSharedWithAnotherProcess) {
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

TEST_F(Ipc, KernelsOfTwoProcesses_SignalEachOther) {
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

TEST_F(Ipc, RecorderIsKilled_WaitsEndWithAnError) {
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
    IpcChild() : DriverTest(kPeerSource) {}
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
