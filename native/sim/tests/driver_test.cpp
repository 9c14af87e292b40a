// SPDX-License-Identifier: MIT
#include "driver_fixture.h"

#include <sys/resource.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>
#include <vector>

namespace cudasim::test {
namespace {

using namespace cudasim::driver;

constexpr const char* kSource = R"(
namespace outer { namespace {
template <typename T> __device__ T twice(T v) { return v + v; }
}
struct Pair { int a; float b; };
extern "C" __global__ void __launch_bounds__(128) scale(float* p, const Pair pair, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) p[i] = twice(p[i]) * pair.b + pair.a;
}
extern "C" __global__ void out_of_bounds(float* p, int n) { p[n] = 1; }
extern "C" __global__ void add_one(int* p) { atomicAdd(p, 1); }
extern "C" __global__ void stuck() {
    if (threadIdx.x < 32)
        di_sim_bar_sync(1, 64);
    else
        di_sim_bar_sync(2, 64);
}
}
template <int N> __global__ void add_n(int* p) { if (threadIdx.x == 0) *p += N; }
)";

class Driver : public DriverTest {
  protected:
    Driver() : DriverTest(kSource) {}
};

TEST_F(Driver, Query_AnswersLikeAnSm90) {
    int count = 0, major = 0, shared = 0, version = 0;
    char name[128];
    EXPECT_EQ(cu.call("cuDeviceGetCount", &count), 0);
    EXPECT_GE(count, 1);
    EXPECT_EQ(cu.call("cuDeviceGetAttribute", &major, 75, 0), 0);
    EXPECT_EQ(major, 9);
    EXPECT_EQ(cu.call("cuDeviceGetAttribute", &shared, 97, 0), 0);
    EXPECT_EQ(shared, 232448);
    EXPECT_EQ(cu.call("cuDriverGetVersion", &version), 0);
    EXPECT_GE(version, 12000);
    EXPECT_EQ(cu.call("cuDeviceGetName", &name[0], 128, 0), 0);
    EXPECT_NE(std::strstr(name, "simulator"), nullptr);
    EXPECT_EQ(cu.call("cuDeviceGet", &count, 99), 101);
}

TEST_F(Driver, ProcAddress_UnknownOrTooNew_IsNotFound) {
    void* function = nullptr;
    int status = 0;
    EXPECT_EQ(cu.call("cuGetProcAddress", "cuFromTheFuture", &function, 12000, 0ull, &status), 500);
    EXPECT_EQ(status, 1);
    EXPECT_EQ(cu.call("cuGetProcAddress", "cuInit", &function, 99000, 0ull, &status), 500);
    EXPECT_EQ(status, 2);
}

TEST_F(Driver, Launch_CopiesParametersAndRuns) {
    struct Pair {
        int a;
        float b;
    } pair{3, 0.5f};
    int n = 1000;
    std::vector<float> data(1000);
    for (int i = 0; i < n; ++i)
        data[i] = static_cast<float>(i);
    CUdeviceptr p = alloc(4000);
    ASSERT_EQ(cu.call("cuMemcpyHtoDAsync", p, static_cast<const void*>(data.data()),
                      std::size_t{4000}, stream),
              0);
    std::fill(data.begin(), data.end(), -1.0f); // pageable sources are read at once
    ASSERT_EQ(launch(kernel("scale"), 8, 128, {&p, &pair, &n}, stream), 0);
    pair.a = 100; // parameters were copied
    ASSERT_EQ(
        cu.call("cuMemcpyDtoHAsync", static_cast<void*>(data.data()), p, std::size_t{4000}, stream),
        0);
    ASSERT_EQ(cu.call("cuStreamSynchronize", stream), 0) << cu.last_report();
    for (int i = 0; i < n; ++i)
        ASSERT_EQ(data[i], static_cast<float>(i) + 3);
    EXPECT_EQ(cu.call("cuMemFreeAsync", p, stream), 0);
}

TEST_F(Driver, Launch_BadShapes_AreRejectedBeforeWork) {
    CUdeviceptr p = alloc(4);
    void* k = kernel("add_one");
    EXPECT_EQ(launch(k, 0, 32, {&p}, stream), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(launch(k, 1, 2048, {&p}, stream), CUDA_ERROR_INVALID_VALUE);
    CUlaunchConfig config{1, 1, 1, 32, 1, 1, 100 * 1024, stream, nullptr, 0};
    void* parameters[] = {&p};
    auto ex = [&] {
        return cu.call("cuLaunchKernelEx", static_cast<const CUlaunchConfig*>(&config), k,
                       &parameters[0], static_cast<void**>(nullptr));
    };
    EXPECT_EQ(ex(), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cu.call("cuKernelSetAttribute", 8, 100 * 1024, k, 0), 0);
    EXPECT_EQ(ex(), 0);
    EXPECT_EQ(cu.call("cuKernelSetAttribute", 8, 300 * 1024, k, 0), CUDA_ERROR_INVALID_VALUE);
    CUlaunchAttribute attribute{};
    attribute.id = kLaunchClusterDimension;
    attribute.value.cluster = {2, 1, 1};
    config.attributes = &attribute;
    config.attribute_count = 1;
    EXPECT_EQ(ex(), CUDA_ERROR_INVALID_VALUE); // the grid is not a multiple
    EXPECT_EQ(cu.call("cuStreamSynchronize", stream), 0);
    void* missing = nullptr;
    EXPECT_EQ(cu.call("cuLibraryGetKernel", &missing, library, "no_such"), CUDA_ERROR_NOT_FOUND);
    cu.call("cuMemFreeAsync", p, stream);
}

TEST_F(Driver, Deadlock_InTheLastCallsOfAKernel_NamesTheirLines) {
    ASSERT_EQ(launch(kernel("stuck"), 1, 64, {}, stream), 0);
    EXPECT_EQ(cu.call("cuStreamSynchronize", stream), CUDA_ERROR_LAUNCH_TIMEOUT);
    for (const char* line : {"test.cu:14", "test.cu:16"})
        EXPECT_NE(cu.last_report().find(line), std::string::npos) << cu.last_report();
}

// In a process of its own, which has 16 MiB of addresses left: stacks of 1,024 threads take 68.
TEST_F(Driver, Launch_WithoutMemoryForItsStacks_EndsAsOutOfMemory) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    auto body = [this] {
        CUdeviceptr p = alloc(4);
        cu.call("cuMemsetD32Async", p, 0u, std::size_t{1}, stream);
        bool right = launch(kernel("add_one"), 1, 32, {&p}, stream) == 0 && sync(stream) == 0;
        unsigned long pages = 0;
        std::FILE* file = std::fopen("/proc/self/statm", "r");
        right = right && file != nullptr && std::fscanf(file, "%lu", &pages) == 1;
        rlimit limit{};
        getrlimit(RLIMIT_AS, &limit);
        const rlim_t all = limit.rlim_max;
        limit.rlim_cur = pages * 4096 + (16 << 20);
        right = right && setrlimit(RLIMIT_AS, &limit) == 0;
        right = right && launch(kernel("add_one"), 1, 1024, {&p}, stream) == 0;
        right = right && sync(stream) == CUDA_ERROR_OUT_OF_MEMORY;
        right = right && cu.last_report().find("out of host memory") != std::string::npos;
        // Smaller ones still run, and with more memory that one does too.
        cu.exported("di_cudasim_reset");
        right = right && launch(kernel("add_one"), 1, 32, {&p}, stream) == 0 && sync(stream) == 0;
        limit.rlim_cur = all;
        right = right && setrlimit(RLIMIT_AS, &limit) == 0;
        right = right && launch(kernel("add_one"), 1, 1024, {&p}, stream) == 0 && sync(stream) == 0;
        std::exit(right ? 0 : 1);
    };

    EXPECT_EXIT(body(), testing::ExitedWithCode(0), "max_map_count");
}

TEST_F(Driver, Fault_IsStickyAndReported) {
    CUdeviceptr p = alloc(16);
    int n = 4;
    ASSERT_EQ(launch(kernel("out_of_bounds"), 1, 1, {&p, &n}, stream), 0);
    EXPECT_EQ(cu.call("cuStreamSynchronize", stream), CUDA_ERROR_ILLEGAL_ADDRESS);
    EXPECT_EQ(cu.call("cuCtxSynchronize"), CUDA_ERROR_ILLEGAL_ADDRESS);
    EXPECT_NE(cu.last_report().find("global memory out of bounds"), std::string::npos)
        << cu.last_report();
    EXPECT_NE(cu.last_report().find("test.cu:"), std::string::npos) << cu.last_report();
    cu.exported("di_cudasim_reset");
    EXPECT_EQ(cu.call("cuCtxSynchronize"), 0);
    cu.call("cuMemFreeAsync", p, stream);
}

TEST_F(Driver, Events_OrderStreams) {
    void *other = nullptr, *event = nullptr, *end = nullptr;
    ASSERT_EQ(cu.call("cuStreamCreate", &other, 1u), 0);
    ASSERT_EQ(cu.call("cuEventCreate", &event, 0u), 0);
    ASSERT_EQ(cu.call("cuEventCreate", &end, 0u), 0);
    CUdeviceptr p = alloc(4);
    ASSERT_EQ(cu.call("cuMemsetD32Async", p, 0u, std::size_t{1}, stream), 0);
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(launch(kernel("add_one"), 3, 32, {&p}, stream), 0);
        ASSERT_EQ(cu.call("cuEventRecord", event, stream), 0);
        ASSERT_EQ(cu.call("cuStreamWaitEvent", other, event, 0u), 0);
        ASSERT_EQ(launch(kernel("add_one"), 1, 4, {&p}, other), 0);
        ASSERT_EQ(cu.call("cuEventRecord", end, other), 0);
        ASSERT_EQ(cu.call("cuStreamWaitEvent", stream, end, 0u), 0);
    }
    ASSERT_EQ(cu.call("cuEventSynchronize", end), 0) << cu.last_report();
    float ms = -1;
    EXPECT_EQ(cu.call("cuEventElapsedTime", &ms, event, end), 0);
    EXPECT_GE(ms, 0);
    int value = 0;
    ASSERT_EQ(cu.call("cuMemcpyDtoH", static_cast<void*>(&value), p, std::size_t{4}), 0);
    EXPECT_EQ(value, 2000);
    cu.call("cuMemFreeAsync", p, stream);
    cu.call("cuEventDestroy", event);
    cu.call("cuEventDestroy", end);
    cu.call("cuStreamDestroy", other);
}

TEST_F(Driver, MissingEvent_BetweenStreams_IsARace) {
    void* other = nullptr;
    ASSERT_EQ(cu.call("cuStreamCreate", &other, 1u), 0);
    CUdeviceptr p = alloc(400);
    ASSERT_EQ(sync(stream), 0);
    struct Pair {
        int a;
        float b;
    } pair{0, 1};
    int n = 100;
    ASSERT_EQ(launch(kernel("scale"), 1, 128, {&p, &pair, &n}, stream), 0);
    // The host waits too late: the other stream's kernel was enqueued without any order.
    ASSERT_EQ(launch(kernel("scale"), 1, 128, {&p, &pair, &n}, other), 0);
    int first = cu.call("cuStreamSynchronize", stream),
        second = cu.call("cuStreamSynchronize", other);
    EXPECT_TRUE(first == CUDA_ERROR_LAUNCH_FAILED || second == CUDA_ERROR_LAUNCH_FAILED);
    EXPECT_NE(cu.last_report().find("nothing orders"), std::string::npos) << cu.last_report();
    cu.exported("di_cudasim_reset");
    cu.call("cuMemFreeAsync", p, stream);
    cu.call("cuStreamDestroy", other);
}

TEST_F(Driver, HostFunction_RunsInOrder) {
    std::atomic<int> calls{0};
    auto function = [](void* data) { ++*static_cast<std::atomic<int>*>(data); };
    void (*plain)(void*) = function;
    for (int i = 0; i < 5; ++i)
        ASSERT_EQ(cu.call("cuLaunchHostFunc", stream, plain, static_cast<void*>(&calls)), 0);
    ASSERT_EQ(cu.call("cuStreamSynchronize", stream), 0);
    EXPECT_EQ(calls, 5);
}

TEST_F(Driver, Graph_CaptureUpdateLaunch) {
    CUdeviceptr p = alloc(8);
    void *graph = nullptr, *exec = nullptr, *k = kernel("add_one");
    ASSERT_EQ(cu.call("cuMemsetD32Async", p, 0u, std::size_t{2}, stream), 0);
    auto capture = [&](CUdeviceptr target, int times) {
        EXPECT_EQ(cu.call("cuStreamBeginCapture", stream, 0), 0);
        for (int i = 0; i < times; ++i)
            EXPECT_EQ(launch(k, 1, 32, {&target}, stream), 0);
        EXPECT_EQ(cu.call("cuStreamEndCapture", stream, &graph), 0);
    };
    capture(p, 2);
    std::size_t nodes = 0;
    EXPECT_EQ(cu.call("cuGraphGetNodes", graph, static_cast<void**>(nullptr), &nodes), 0);
    EXPECT_EQ(nodes, 2u);
    ASSERT_EQ(cu.call("cuGraphInstantiateWithFlags", &exec, graph, 0ull), 0);
    cu.call("cuGraphDestroy", graph);
    for (int i = 0; i < 3; ++i)
        ASSERT_EQ(cu.call("cuGraphLaunch", exec, stream), 0);
    char info[24];
    capture(p + 4, 2);
    ASSERT_EQ(cu.call("cuGraphExecUpdate", exec, graph, static_cast<void*>(&info[0])), 0);
    cu.call("cuGraphDestroy", graph);
    ASSERT_EQ(cu.call("cuGraphLaunch", exec, stream), 0);
    capture(p, 1);
    EXPECT_EQ(cu.call("cuGraphExecUpdate", exec, graph, static_cast<void*>(&info[0])),
              CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
    cu.call("cuGraphDestroy", graph);
    ASSERT_EQ(cu.call("cuStreamSynchronize", stream), 0) << cu.last_report();
    int values[2];
    ASSERT_EQ(cu.call("cuMemcpyDtoH", static_cast<void*>(&values[0]), p, std::size_t{8}), 0);
    EXPECT_EQ(values[0], 192);
    EXPECT_EQ(values[1], 64);
    cu.call("cuGraphExecDestroy", exec);
    cu.call("cuMemFreeAsync", p, stream);
}

TEST_F(Driver, LastWriter_IsKnownOfTracedLaunches) {
    CUdeviceptr p = alloc(512);
    auto writer = [&](std::size_t offset) {
        char text[1024];
        cu.exported("di_cudasim_last_writer", reinterpret_cast<const void*>(p + offset), &text[0],
                    sizeof text);
        return std::string(text);
    };
    setenv("DEEPINFRA_CUDASIM_TRACE", "1", 1);
    ASSERT_EQ(cu.call("cuMemsetD32Async", p, 0u, std::size_t{128}, stream), 0);
    EXPECT_EQ(launch(kernel("add_one"), 1, 1, {&p}, stream), 0);
    unsetenv("DEEPINFRA_CUDASIM_TRACE");
    ASSERT_EQ(sync(stream), 0) << cu.last_report();

    for (const char* part : {"last written by the atomic of block (0,0,0) thread (0,0,0) [warp 0 ",
                             "add_one at test.cu:11"})
        EXPECT_NE(writer(3).find(part), std::string::npos) << writer(3);
    EXPECT_NE(writer(4).find("no traced launch"), std::string::npos) << writer(4);
    // What the host writes is no kernel's any more.
    ASSERT_EQ(cu.call("cuMemsetD32Async", p, 0u, std::size_t{128}, stream), 0);
    ASSERT_EQ(sync(stream), 0);
    EXPECT_NE(writer(3).find("no traced launch"), std::string::npos) << writer(3);
    cu.call("cuMemFreeAsync", p, stream);
}

TEST_F(Driver, Nvrtc_ThreadsAndAnEmptyCache_AllCompile) {
    char folder[] = "/tmp/cudasim-test-XXXXXX";
    ASSERT_NE(mkdtemp(folder), nullptr);
    setenv("DEEPINFRA_CACHE_DIR", folder, 1);
    std::vector<std::thread> threads;
    std::vector<std::vector<char>> images(6);
    for (auto& image : images)
        threads.emplace_back([&] { image = cu.compile("extern \"C\" __global__ void same() {}"); });
    for (auto& t : threads)
        t.join();
    unsetenv("DEEPINFRA_CACHE_DIR");
    std::filesystem::remove_all(folder);
    for (const auto& image : images)
        EXPECT_FALSE(image.empty());
}

TEST_F(Driver, Nvrtc_NameExpressionsAndErrors) {
    void* program = nullptr;
    ASSERT_EQ(cu.exported("nvrtcCreateProgram", &program, kSource, "named.cu", 0,
                          static_cast<const char* const*>(nullptr),
                          static_cast<const char* const*>(nullptr)),
              0);
    ASSERT_EQ(cu.exported("nvrtcAddNameExpression", program, "add_n<42>"), 0);
    ASSERT_EQ(
        cu.exported("nvrtcCompileProgram", program, 0, static_cast<const char* const*>(nullptr)),
        0);
    const char* lowered = nullptr;
    ASSERT_EQ(cu.exported("nvrtcGetLoweredName", program, "add_n<42>", &lowered), 0);
    std::size_t bytes = 0;
    cu.exported("nvrtcGetCUBINSize", program, &bytes);
    std::vector<char> image(bytes);
    cu.exported("nvrtcGetCUBIN", program, image.data());
    void *module = nullptr, *k = nullptr;
    ASSERT_EQ(cu.call("cuModuleLoadData", &module, static_cast<const void*>(image.data())), 0);
    ASSERT_EQ(cu.call("cuModuleGetFunction", &k, module, lowered), 0);
    cu.exported("nvrtcDestroyProgram", &program);
    CUdeviceptr p = alloc(4);
    ASSERT_EQ(cu.call("cuMemsetD32Async", p, 1u, std::size_t{1}, stream), 0);
    ASSERT_EQ(launch(k, 1, 32, {&p}, stream), 0);
    ASSERT_EQ(cu.call("cuStreamSynchronize", stream), 0) << cu.last_report();
    int value = 0;
    ASSERT_EQ(cu.call("cuMemcpyDtoH", static_cast<void*>(&value), p, std::size_t{4}), 0);
    EXPECT_EQ(value, 43);
    cu.call("cuMemFreeAsync", p, stream);
    cu.call("cuModuleUnload", module);

    std::string log;
    EXPECT_TRUE(cu.compile("extern \"C\" __global__ void broken() { int x = ; }", &log).empty());
    EXPECT_NE(log.find("test.cu:1"), std::string::npos) << log;
}

TEST_F(Driver, Images_Damaged_AreRejected) {
    std::vector<char> image = cu.compile(kSource);
    void* module = nullptr;
    std::vector<char> text(256, 'x');
    EXPECT_EQ(cu.call("cuModuleLoadData", &module, static_cast<const void*>(text.data())),
              CUDA_ERROR_INVALID_IMAGE);
    EXPECT_EQ(cu.call("cuModuleLoad", &module, "/no/such/file"), CUDA_ERROR_FILE_NOT_FOUND);
    const unsigned char fatbin[64] = {0x50, 0xed, 0x55, 0xba};
    EXPECT_EQ(cu.call("cuModuleLoadData", &module, static_cast<const void*>(&fatbin[0])),
              CUDA_ERROR_NO_BINARY_FOR_GPU);
}

TEST_F(Driver, Memory_BadArguments_AreRejected) {
    CUdeviceptr p = alloc(100);
    char host[200] = {};
    EXPECT_EQ(cu.call("cuMemcpyHtoD", p, static_cast<const void*>(&host[0]), std::size_t{200}),
              CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cu.call("cuMemFree", p + 4), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cu.call("cuMemFree", p), 0);
    EXPECT_EQ(cu.call("cuMemFree", p), CUDA_ERROR_INVALID_VALUE);
    CUdeviceptr huge = 0;
    EXPECT_EQ(cu.call("cuMemAlloc", &huge, std::size_t{1} << 50), CUDA_ERROR_OUT_OF_MEMORY);
    EXPECT_EQ(cu.call("cuMemAlloc", &huge, std::size_t{0}), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(Driver, Memcpy2D_MovesRectangles) {
    CUdeviceptr p = alloc(64 * 4);
    unsigned char in[6] = {1, 2, 3, 4, 5, 6}, out[6] = {};
    CUmemcpy2D c{};
    c.src_type = kMemoryHost;
    c.src_host = in;
    c.src_pitch = 3;
    c.dst_type = kMemoryDevice;
    c.dst_device = p;
    c.dst_pitch = 64;
    c.dst_x = 5;
    c.width = 3;
    c.height = 2;
    ASSERT_EQ(cu.call("cuMemcpy2DAsync", static_cast<const CUmemcpy2D*>(&c), stream), 0);
    CUmemcpy2D back{};
    back.src_type = kMemoryDevice;
    back.src_device = p;
    back.src_pitch = 64;
    back.src_x = 5;
    back.dst_type = kMemoryHost;
    back.dst_host = out;
    back.dst_pitch = 3;
    back.width = 3;
    back.height = 2;
    ASSERT_EQ(cu.call("cuMemcpy2DAsync", static_cast<const CUmemcpy2D*>(&back), stream), 0);
    EXPECT_EQ(std::memcmp(in, out, 6), 0);
    cu.call("cuMemFreeAsync", p, stream);
}

TEST_F(Driver, HostRegister_OverlapsAndAddressesInside_AreRefused) {
    std::vector<char> host(4096);
    char* p = host.data();
    auto take = [&](char* start, std::size_t bytes) {
        return cu.call("cuMemHostRegister", static_cast<void*>(start), bytes, 0u);
    };
    auto leave = [&](char* start) {
        return cu.call("cuMemHostUnregister", static_cast<void*>(start));
    };
    ASSERT_EQ(take(p + 1024, 1024), 0);
    EXPECT_EQ(take(p, 1025), CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
    EXPECT_EQ(take(p + 2047, 1), CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
    EXPECT_EQ(take(p, 1024), 0);
    EXPECT_EQ(take(p + 2048, 2048), 0);
    EXPECT_EQ(leave(p + 1), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
    EXPECT_EQ(cu.call("cuMemFreeHost", static_cast<void*>(p)), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(leave(p), 0);
    EXPECT_EQ(leave(p), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
    EXPECT_EQ(leave(p + 1024), 0);
    EXPECT_EQ(leave(p + 2048), 0);

    void* own = nullptr;
    ASSERT_EQ(cu.call("cuMemHostAlloc", &own, std::size_t{64}, 0u), 0);
    EXPECT_EQ(leave(static_cast<char*>(own)), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
    EXPECT_EQ(cu.call("cuMemFreeHost", own), 0);
}

} // namespace
} // namespace cudasim::test
