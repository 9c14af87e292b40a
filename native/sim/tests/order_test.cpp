// SPDX-License-Identifier: MIT
// What the host enqueues or does takes part in the race check: copies, fills, stream-ordered
// allocation and release, declared accesses of the host program.
#include <atomic>
#include <map>
#include <string>
#include <thread>

#include "driver_fixture.h"
#include "planted_bugs.h"

namespace cudasim::test {
namespace {

constexpr const char* kSource = R"(
extern "C" __global__ void write(int* p) { p[threadIdx.x] = 1; }
extern "C" __global__ void read(const int* p, int* out) { out[threadIdx.x] = p[threadIdx.x]; }
)";
constexpr std::size_t kBytes = 128;

class Order : public DriverTest {
  protected:
    Order() : DriverTest(kSource) {}
    void SetUp() override {
        DriverTest::SetUp();
        other = new_stream();
        ASSERT_EQ(cu.call("cuEventCreate", &event, 0u), 0);
        ASSERT_EQ(cu.call("cuMemAlloc", &p, kBytes), 0);
        ASSERT_EQ(cu.call("cuMemAlloc", &q, kBytes), 0);
        ASSERT_EQ(cu.call("cuMemHostAlloc", &pinned, kBytes, 0u), 0);
    }
    void TearDown() override {
        cu.exported("di_cudasim_reset");
        cu.call("cuStreamDestroy", other);
        cu.call("cuEventDestroy", event);
        cu.call("cuMemFree", p);
        cu.call("cuMemFree", q);
        cu.call("cuMemFreeHost", pinned);
        DriverTest::TearDown();
    }

    void write(CUdeviceptr to, void* s) { ASSERT_EQ(launch(kernel("write"), 1, 32, {&to}, s), 0); }
    void read(CUdeviceptr from, void* s) {
        ASSERT_EQ(launch(kernel("read"), 1, 32, {&from, &q}, s), 0);
    }
    void fill(void* s) { ASSERT_EQ(cu.call("cuMemsetD8Async", p, 7, kBytes, s), 0); }
    void copy_in(void* s) {
        ASSERT_EQ(cu.call("cuMemcpyHtoDAsync", p, static_cast<const void*>(pinned), kBytes, s), 0);
    }
    void copy_out(void* s) { ASSERT_EQ(cu.call("cuMemcpyDtoHAsync", pinned, p, kBytes, s), 0); }
    void order(void* first, void* second) {
        ASSERT_EQ(cu.call("cuEventRecord", event, first), 0);
        ASSERT_EQ(cu.call("cuStreamWaitEvent", second, event, 0u), 0);
    }

    // Runs first on one stream and second on another: a report without an order between them, none
    // with an event or a wait of the host.
    template <typename A, typename B> void check(const char* bug, A first, B second) {
        std::map<std::string, unsigned> kinds;
        for (unsigned i = 0; i < kBugSeeds; ++i) {
            first(stream);
            second(other);
            int a = sync(stream), b = sync(other);
            EXPECT_TRUE(a == CUDA_ERROR_LAUNCH_FAILED || b == CUDA_ERROR_LAUNCH_FAILED) << bug;
            std::string report = cu.last_report();
            EXPECT_EQ(report.find("cudasim: race"), 0u) << report;
            EXPECT_NE(report.find("nothing orders"), std::string::npos) << report;
            ++kinds[a != 0 || b != 0 ? "race" : ""];
            cu.exported("di_cudasim_reset");
            ASSERT_EQ(cu.call("cuCtxSynchronize"), 0);
        }
        record_planted_bug(bug, kinds);
        for (unsigned i = 0; i < kBugSeeds; ++i) {
            first(stream);
            order(stream, other);
            second(other);
            order(other, stream);
            first(stream);
            ASSERT_EQ(sync(stream), 0) << bug << cu.last_report();
            second(other);
            ASSERT_EQ(sync(other), 0) << bug << cu.last_report();
        }
    }

    void *other = nullptr, *event = nullptr, *pinned = nullptr;
    CUdeviceptr p = 0, q = 0;
};

TEST_F(Order, FillAndKernel) {
    check(
        "fill on one stream, kernel on another", [&](void* s) { fill(s); },
        [&](void* s) { read(p, s); });
}
TEST_F(Order, KernelAndFill) {
    check(
        "kernel on one stream, fill on another", [&](void* s) { read(p, s); },
        [&](void* s) { fill(s); });
}
TEST_F(Order, CopyInAndKernel) {
    check(
        "copy to the device on one stream, kernel on another", [&](void* s) { copy_in(s); },
        [&](void* s) { read(p, s); });
}
TEST_F(Order, KernelAndCopyOut) {
    check(
        "kernel on one stream, copy from the device on another", [&](void* s) { write(p, s); },
        [&](void* s) { copy_out(s); });
}
TEST_F(Order, CopyOutAndKernel) {
    check(
        "copy from the device on one stream, kernel that overwrites on another",
        [&](void* s) { copy_out(s); }, [&](void* s) { write(p, s); });
}
TEST_F(Order, FillAndCopy) {
    check(
        "fill on one stream, copy on another", [&](void* s) { fill(s); },
        [&](void* s) { copy_out(s); });
}
TEST_F(Order, KernelThatWritesPageLockedMemoryAndCopy) {
    auto host = reinterpret_cast<CUdeviceptr>(pinned);
    check(
        "kernel writes page-locked memory, copy on another stream reads it",
        [&](void* s) { write(host, s); }, [&](void* s) { copy_in(s); });
}
TEST_F(Order, CopyToPageLockedMemoryAndKernel) {
    auto host = reinterpret_cast<CUdeviceptr>(pinned);
    check(
        "copy to page-locked memory, kernel on another stream reads it",
        [&](void* s) { copy_out(s); }, [&](void* s) { read(host, s); });
}

TEST_F(Order, TwoReaders_AreNoRace) {
    fill(stream);
    ASSERT_EQ(sync(stream), 0);
    copy_out(stream);
    void* k = kernel("read");
    ASSERT_EQ(launch(k, 1, 32, {&p, &q}, other), 0);
    EXPECT_EQ(sync(stream), 0) << cu.last_report();
    EXPECT_EQ(sync(other), 0) << cu.last_report();
}

TEST_F(Order, OtherBytes_AreNoRace) {
    // Columns of one matrix, filled by two streams.
    for (int side = 0; side < 2; ++side) {
        CUmemcpy2D c{};
        c.src_type = kMemoryHost;
        c.src_host = pinned;
        c.src_pitch = 16;
        c.dst_type = kMemoryDevice;
        c.dst_device = p;
        c.dst_x = side * 8u;
        c.dst_pitch = 16;
        c.width = 8;
        c.height = 8;
        ASSERT_EQ(cu.call("cuMemcpy2DAsync", static_cast<const CUmemcpy2D*>(&c),
                          side == 0 ? stream : other),
                  0);
    }
    EXPECT_EQ(sync(stream), 0) << cu.last_report();
    EXPECT_EQ(sync(other), 0) << cu.last_report();
}

TEST_F(Order, UseAfterStreamOrderedFree_IsReported) {
    std::map<std::string, unsigned> kinds;
    for (unsigned i = 0; i < kBugSeeds; ++i) {
        CUdeviceptr b = alloc(kBytes);
        order(stream, other);
        write(b, other);
        // Freed on the stream that allocated it, which does not wait for the user.
        ASSERT_EQ(cu.call("cuMemFreeAsync", b, stream), 0);
        int first = sync(stream), second = sync(other);
        EXPECT_TRUE(first != 0 || second != 0);
        std::string report = cu.last_report();
        bool race = report.find("cudasim: race") == 0 &&
                    report.find("release of memory") != std::string::npos;
        bool freed = report.find("cudasim: use after free") == 0;
        EXPECT_TRUE(race || freed) << report;
        ++kinds[race ? "race" : freed ? "use after free" : ""];
        cu.exported("di_cudasim_reset");
    }
    record_planted_bug("use after a stream-ordered free", kinds);
    for (unsigned i = 0; i < kBugSeeds; ++i) {
        CUdeviceptr b = alloc(kBytes);
        order(stream, other);
        write(b, other);
        order(other, stream);
        ASSERT_EQ(cu.call("cuMemFreeAsync", b, stream), 0);
        ASSERT_EQ(sync(stream), 0) << cu.last_report();
    }
}

TEST_F(Order, CopyFromFreedMemory_IsReported) {
    CUdeviceptr b = alloc(kBytes);
    ASSERT_EQ(cu.call("cuMemFreeAsync", b, stream), 0);
    int result = cu.call("cuMemcpyDtoDAsync", p, b, kBytes, stream);
    if (result == 0)
        result = sync(stream); // else the release was done already and the driver refused
    EXPECT_NE(result, 0);
}

TEST_F(Order, UseBeforeStreamOrderedAllocation_IsReported) {
    CUdeviceptr b = alloc(kBytes);
    write(b, other);
    EXPECT_EQ(sync(other), CUDA_ERROR_LAUNCH_FAILED);
    EXPECT_NE(cu.last_report().find("allocation (stream"), std::string::npos) << cu.last_report();
}

TEST_F(Order, HostAccess_BeforeTheWait_IsReported) {
    std::map<std::string, unsigned> kinds;
    for (unsigned i = 0; i < kBugSeeds; ++i) {
        copy_out(stream);
        int result =
            cu.exported("di_cudasim_host_access", static_cast<const void*>(pinned), kBytes, 0);
        // The copy may also come second; then it is what fails.
        int later = sync(stream);
        EXPECT_TRUE(result == CUDA_ERROR_LAUNCH_FAILED || later == CUDA_ERROR_LAUNCH_FAILED);
        ++kinds[result != 0 || later != 0 ? "race" : ""];
        cu.exported("di_cudasim_reset");
    }
    record_planted_bug("host reads page-locked memory before it waited for the copy", kinds);
    for (unsigned i = 0; i < kBugSeeds; ++i) {
        copy_out(stream);
        ASSERT_EQ(sync(stream), 0);
        ASSERT_EQ(
            cu.exported("di_cudasim_host_access", static_cast<const void*>(pinned), kBytes, 1), 0);
        copy_in(other); // enqueued after the host's write
        ASSERT_EQ(sync(other), 0) << cu.last_report();
    }
}

TEST_F(Order, HostFunction_TellsTheHostThatWorkIsDone) {
    struct Signal {
        std::atomic<bool> done{false};
    } signal;
    void (*function)(void*) = [](void* data) { static_cast<Signal*>(data)->done = true; };
    write(p, stream);
    ASSERT_EQ(cu.call("cuLaunchHostFunc", stream, function, static_cast<void*>(&signal)), 0);
    while (!signal.done)
        std::this_thread::yield();
    read(p, other);
    EXPECT_EQ(sync(other), 0) << cu.last_report();
}

TEST_F(Order, NullStream_ComesAfterBlockingStreamsThatAreGone) {
    for (bool self : {false, true}) {
        void* gone = nullptr;
        ASSERT_EQ(cu.call("cuStreamCreate", &gone, 0u), 0);
        write(p, gone);
        if (self) {
            // It goes while its thread still runs.
            static void* stream_to_destroy;
            stream_to_destroy = gone;
            ASSERT_EQ(cu.call("cuLaunchHostFunc", gone, static_cast<void (*)(void*)>([](void*) {
                                  DriverLibrary::instance().call("cuStreamDestroy",
                                                                 stream_to_destroy);
                              }),
                              static_cast<void*>(nullptr)),
                      0);
        } else {
            ASSERT_EQ(cu.call("cuStreamDestroy", gone), 0);
        }
        copy_out(nullptr);
        EXPECT_EQ(sync(nullptr), 0) << cu.last_report();
    }
}

TEST_F(Order, NullStream_ComesAfterTheStreamsOfThreadsThatHaveEnded) {
    std::thread([this] {
        cu.call("cuCtxPushCurrent", context);
        write(p, reinterpret_cast<void*>(2)); // the thread's own stream
    }).join();
    copy_out(nullptr);
    EXPECT_EQ(sync(nullptr), 0) << cu.last_report();
}

TEST_F(Order, NewStream_DoesNotComeAfterOneThatIsGone) {
    void* gone = new_stream();
    write(p, gone);
    ASSERT_EQ(cu.call("cuStreamDestroy", gone), 0);
    void* fresh = new_stream();
    read(p, fresh);
    EXPECT_NE(sync(fresh), 0) << "nothing orders the two kernels";
    cu.exported("di_cudasim_reset");
    EXPECT_EQ(cu.call("cuStreamDestroy", fresh), 0);
}

// The report looks at memory while others release theirs.
TEST_F(Order, Race_IsReportedWhileMemoryIsReleased) {
    std::atomic<bool> done{false};
    void* own = new_stream();
    std::thread releases([&] {
        cu.call("cuCtxPushCurrent", context);
        while (!done) { // without a wait: that would order the two fills
            CUdeviceptr memory = 0;
            if (cu.call("cuMemAllocAsync", &memory, kBytes, own) == 0)
                cu.call("cuMemFreeAsync", memory, own);
        }
    });
    for (unsigned i = 0; i < 200; ++i) {
        fill(stream);
        fill(other);
        EXPECT_NE(sync(stream) | sync(other), 0);
        cu.exported("di_cudasim_reset");
    }
    done = true;
    releases.join();
    cu.exported("di_cudasim_reset");
    EXPECT_EQ(cu.call("cuStreamDestroy", own), 0);
}

} // namespace
} // namespace cudasim::test
