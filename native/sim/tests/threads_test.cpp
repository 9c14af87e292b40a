// SPDX-License-Identifier: MIT
// Host threads that use the driver at the same time, as its rules allow: each right result and no
// report. CTest runs these under several seeds.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "driver_fixture.h"

namespace cudasim::test {
namespace {

constexpr const char* kSource = R"(
extern "C" __global__ void add(int* p, int v) { p[blockIdx.x * blockDim.x + threadIdx.x] += v; }
extern "C" __global__ void count(int* p) { atomicAdd(p, 1); }
)";
constexpr int kThreads = 4, kRounds = 12, kDevices = 2;
constexpr unsigned kValues = 64;

class Threads : public DriverTest {
  protected:
    Threads() : DriverTest(kSource) {}

    // Runs body(index) on so many host threads, each with the primary context of its device.
    template <typename Body> void run(int threads, int devices, Body body) {
        std::vector<std::thread> all;
        for (int i = 0; i < threads; ++i) {
            all.emplace_back([this, i, devices, body] {
                void* own = nullptr;
                expect(cu.call("cuDevicePrimaryCtxRetain", &own, i % devices), "retain");
                expect(cu.call("cuCtxPushCurrent", own), "push");
                body(i);
                expect(cu.call("cuCtxPopCurrent", &own), "pop");
                expect(cu.call("cuDevicePrimaryCtxRelease", i % devices), "release");
            });
        }
        for (std::thread& t : all)
            t.join();
        EXPECT_EQ(failures.load(), 0) << cu.last_report();
    }
    // GoogleTest's expectations are for one thread at a time only in what they print.
    void expect(int result, const char* what) {
        if (result != 0 && ++failures < 10)
            std::fprintf(stderr, "%s: %d\n", what, result);
    }
    void* load() {
        void* loaded = nullptr;
        expect(cu.call("cuLibraryLoadData", &loaded, static_cast<const void*>(image().data()),
                       static_cast<int*>(nullptr), static_cast<void**>(nullptr), 0u,
                       static_cast<int*>(nullptr), static_cast<void**>(nullptr), 0u),
               "load");
        return loaded;
    }
    std::vector<char>& image() {
        static std::vector<char> compiled = cu.compile(kSource);
        return compiled;
    }
    void* find(void* loaded, const char* name) {
        void* k = nullptr;
        expect(cu.call("cuLibraryGetKernel", &k, loaded, name), name);
        return k;
    }
    void add(void* k, CUdeviceptr p, int value, void* on) {
        expect(launch(k, 2, kValues / 2, {&p, &value}, on), "launch");
    }

    std::atomic<int> failures{0};
};

// Everything of its own: streams, events, memory, modules and graphs.
TEST_F(Threads, OwnObjects_OnTwoDevices_AreIndependent) {
    image();
    run(kThreads, kDevices, [this](int index) {
        for (int round = 0; round < kRounds; ++round) {
            // Streams of every second thread wait for the null stream, which others use meanwhile.
            void *first = nullptr, *second = nullptr, *ready = nullptr;
            const unsigned flags = index % 2 == 0 ? 1u : 0u;
            expect(cu.call("cuStreamCreate", &first, flags), "stream");
            expect(cu.call("cuStreamCreate", &second, flags), "stream");
            expect(cu.call("cuEventCreate", &ready, 2u), "event");
            void* loaded = load();
            void* k = find(loaded, "add");
            const std::size_t bytes = kValues * sizeof(int);
            CUdeviceptr p = 0;
            expect(cu.call("cuMemAllocAsync", &p, bytes, first), "allocate");
            expect(cu.call("cuMemsetD32Async", p, static_cast<unsigned>(index),
                           std::size_t{kValues}, first),
                   "fill");
            add(k, p, 10, first);
            expect(cu.call("cuEventRecord", ready, first), "record");
            expect(cu.call("cuStreamWaitEvent", second, ready, 0u), "wait");
            void *graph = nullptr, *exec = nullptr;
            expect(cu.call("cuStreamBeginCapture", second, 1), "begin");
            add(k, p, 100, second);
            add(k, p, 1000, second);
            expect(cu.call("cuStreamEndCapture", second, &graph), "end");
            expect(cu.call("cuGraphInstantiateWithFlags", &exec, graph, 0ull), "instantiate");
            expect(cu.call("cuGraphLaunch", exec, second), "graph");
            expect(cu.call("cuGraphLaunch", exec, second), "graph");
            CUdeviceptr scratch = 0;
            expect(cu.call("cuMemAlloc", &scratch, bytes), "allocate");
            if (round % 3 == index % 3) {
                expect(cu.call("cuMemsetD32Async", scratch, 7u, std::size_t{kValues},
                               static_cast<void*>(nullptr)),
                       "null stream");
            }
            std::vector<int> values(kValues);
            expect(
                cu.call("cuMemcpyDtoHAsync", static_cast<void*>(values.data()), p, bytes, second),
                "copy");
            expect(cu.call("cuStreamSynchronize", second), "synchronise");
            for (int v : values)
                expect(v - (index + 2210), "value");
            expect(cu.call("cuMemFreeAsync", p, second), "free");
            if (round % 4 == 3)
                expect(cu.call("cuCtxSynchronize"), "context");
            expect(cu.call("cuStreamSynchronize", static_cast<void*>(nullptr)), "null stream");
            expect(cu.call("cuMemFree", scratch), "free");
            cu.call("cuGraphExecDestroy", exec);
            cu.call("cuGraphDestroy", graph);
            expect(cu.call("cuStreamSynchronize", second), "synchronise");
            cu.call("cuEventDestroy", ready);
            cu.call("cuStreamDestroy", first);
            cu.call("cuStreamDestroy", second);
            expect(cu.call("cuLibraryUnload", loaded), "unload");
        }
    });
}

// One stream for all: what each enqueues runs in some order, one after the other.
TEST_F(Threads, OneStream_OrdersWhatAllEnqueue) {
    CUdeviceptr p = alloc(kValues * sizeof(int));
    ASSERT_EQ(cu.call("cuMemsetD32Async", p, 0u, std::size_t{kValues}, stream), 0);
    void* k = kernel("add");

    run(kThreads, 1, [this, p, k](int) {
        for (int round = 0; round < kRounds; ++round)
            add(k, p, 1, stream);
    });

    ASSERT_EQ(sync(stream), 0) << cu.last_report();
    std::vector<int> values(kValues);
    ASSERT_EQ(
        cu.call("cuMemcpyDtoH", static_cast<void*>(values.data()), p, values.size() * sizeof(int)),
        0);
    for (int v : values)
        ASSERT_EQ(v, kThreads * kRounds);
    cu.call("cuMemFreeAsync", p, stream);
}

// Streams of one thread each, which end with their threads.
TEST_F(Threads, PerThreadStream_WorksInEveryThreadAndEndsWithIt) {
    CUdeviceptr p = alloc(4);
    ASSERT_EQ(cu.call("cuMemsetD32Async", p, 0u, std::size_t{1}, stream), 0);
    ASSERT_EQ(sync(stream), 0);
    void* k = kernel("count");

    for (int round = 0; round < 3; ++round) {
        run(kThreads, 1, [this, p, k](int) {
            auto target = p;
            auto* per_thread = reinterpret_cast<void*>(2);
            for (int i = 0; i < kRounds; ++i)
                expect(launch(k, 1, 32, {&target}, per_thread), "launch");
        });
    }

    ASSERT_EQ(cu.call("cuCtxSynchronize"), 0) << cu.last_report();
    int value = 0;
    ASSERT_EQ(cu.call("cuMemcpyDtoH", static_cast<void*>(&value), p, std::size_t{4}), 0)
        << cu.last_report();
    EXPECT_EQ(value, 3 * kThreads * kRounds * 32);
    cu.call("cuMemFreeAsync", p, stream);
}

void destroy_stream(void* stream) { DriverLibrary::instance().call("cuStreamDestroy", stream); }

TEST_F(Threads, HostFunction_DestroysItsStream) {
    for (int i = 0; i < 20; ++i) {
        void* own = new_stream();
        ASSERT_EQ(cu.call("cuLaunchHostFunc", own, &destroy_stream, own), 0);
    }
    ASSERT_EQ(cu.call("cuCtxSynchronize"), 0);
}

} // namespace
} // namespace cudasim::test
