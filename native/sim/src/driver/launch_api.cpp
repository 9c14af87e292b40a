// SPDX-License-Identifier: MIT
// Launches: validation as a driver does it, parameters copied at once, execution when the stream
// gets there.
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "driver/image.h"
#include "driver/state.h"

using namespace cudasim;
using namespace cudasim::driver;

namespace {

std::uint64_t base_seed() {
    static const std::uint64_t seed = [] {
        const char* text = std::getenv("DEEPINFRA_CUDASIM_SEED");
        return text != nullptr ? std::strtoull(text, nullptr, 0) : std::uint64_t{1};
    }();
    return seed;
}

unsigned setting(const char* name, unsigned otherwise) {
    const char* text = std::getenv(name);
    return text != nullptr ? static_cast<unsigned>(std::atoi(text)) : otherwise;
}

// One launch's arguments, kept as long as it or a graph may run.
struct LaunchArguments {
    LaunchConfig config;
    std::vector<std::uint64_t> storage;
    std::vector<void*> pointers;
    bool programmatic = false;
};

// Blocks of one kernel that fit on a multiprocessor together.
unsigned blocks_per_multiprocessor(unsigned threads, std::size_t shared) {
    unsigned by_threads = threads == 0 ? 32 : 2048 / ((threads + 31) / 32 * 32);
    auto by_shared = static_cast<unsigned>(228 * 1024 / (shared + 1024));
    return std::min({32u, by_threads, by_shared});
}

CUresult validate(const Kernel& kernel, const LaunchConfig& c, int device) {
    std::uint64_t threads = std::uint64_t{c.block.x} * c.block.y * c.block.z;
    if (c.grid.x == 0 || c.grid.y == 0 || c.grid.z == 0 || threads == 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (c.grid.x > 0x7fffffff || c.grid.y > 65535 || c.grid.z > 65535)
        return CUDA_ERROR_INVALID_VALUE;
    if (c.block.x > 1024 || c.block.y > 1024 || c.block.z > 64 || threads > 1024)
        return CUDA_ERROR_INVALID_VALUE;
    if (kernel.info->max_threads != 0 && threads > kernel.info->max_threads)
        return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
    if (c.shared_bytes > kernel.max_dynamic_shared[device])
        return CUDA_ERROR_INVALID_VALUE;
    std::uint64_t cluster = std::uint64_t{c.cluster.x} * c.cluster.y * c.cluster.z;
    if (cluster == 0 || cluster > 16 || (cluster > 8 && !kernel.non_portable_cluster)) {
        return CUDA_ERROR_INVALID_CLUSTER_SIZE;
    }
    if (c.grid.x % c.cluster.x != 0 || c.grid.y % c.cluster.y != 0 || c.grid.z % c.cluster.z != 0) {
        return CUDA_ERROR_INVALID_VALUE;
    }
    unsigned fit = blocks_per_multiprocessor(static_cast<unsigned>(threads), c.shared_bytes);
    if (fit == 0)
        return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
    std::uint64_t blocks = std::uint64_t{c.grid.x} * c.grid.y * c.grid.z;
    if (c.cooperative && blocks > std::uint64_t{fit} * kMultiprocessors)
        return CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;
    return CUDA_SUCCESS;
}

CUresult copy_parameters(const Kernel& kernel, void** parameters, void** extra,
                         LaunchArguments& to) {
    const di_sim_kernel_info& info = *kernel.info;
    if (extra != nullptr)
        return CUDA_ERROR_NOT_SUPPORTED; // packed parameter buffers are not modelled
    if (parameters == nullptr && info.count != 0)
        return CUDA_ERROR_INVALID_VALUE;
    std::size_t words = 0;
    // Starts at multiples of 64 bytes suit every parameter, tensor maps included.
    for (unsigned i = 0; i < info.count; ++i)
        words += (info.sizes[i] + 63) / 64 * 8;
    to.storage.assign(words + 8, 0);
    auto at = (reinterpret_cast<std::uintptr_t>(to.storage.data()) + 63) / 64 * 64;
    for (unsigned i = 0; i < info.count; ++i) {
        if (parameters[i] == nullptr)
            return CUDA_ERROR_INVALID_VALUE;
        std::memcpy(reinterpret_cast<void*>(at), parameters[i], info.sizes[i]);
        to.pointers.push_back(reinterpret_cast<void*>(at));
        at += (info.sizes[i] + 63) / 64 * 64;
    }
    return CUDA_SUCCESS;
}

// The launch as a task of a stream: its seed and its place in the order are fixed now.
Task bind(const std::shared_ptr<LaunchArguments>& arguments, Stream& stream) {
    static std::atomic<std::uint64_t> launches{0};
    auto config = std::make_shared<LaunchConfig>(arguments->config);
    config->seed = base_seed() + launches.fetch_add(1);
    config->workers = setting("DEEPINFRA_CUDASIM_THREADS", 0);
    config->checks = checks_enabled();
    config->trace = setting("DEEPINFRA_CUDASIM_TRACE", 0) != 0;
    config->failures_before = failed_launches();
    {
        std::lock_guard<std::mutex> lock(state_mutex);
        Stamp before = stream.last;
        bool depends = arguments->programmatic && stream.last_is_kernel;
        config->stamp = stream.next_stamp(&config->visible);
        stream.last_is_kernel = true;
        if (depends) {
            // It may start as soon as the kernel before it does, and that one may itself have
            // started early.
            config->has_dependency = true;
            config->dependency = before;
            if (config->visible.size() > before.stream)
                config->visible[before.stream] = stream.last_kernel_sees;
        }
        stream.last_kernel_sees =
            config->visible.size() > before.stream ? config->visible[before.stream] : 0;
    }
    Context* context = &stream.context();
    return [arguments, config, context] {
        if (context->error.load() != CUDA_SUCCESS)
            return;
        config->parameters = const_cast<void**>(arguments->pointers.data());
        Report report = run_launch(*config);
        if (!report.empty())
            fail_context(*context, report);
    };
}

} // namespace

CUDASIM_API CUresult cuLaunchKernelEx(const CUlaunchConfig* launch, void* function,
                                      void** parameters, void** extra) try {
    Context* context = nullptr;
    if (CUresult e = check_context(&context); e != CUDA_SUCCESS)
        return e;
    if (launch == nullptr || function == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    const Kernel& kernel = *static_cast<Kernel*>(function);
    auto arguments = std::make_shared<LaunchArguments>();
    LaunchConfig& c = arguments->config;
    c.name = kernel.info->name;
    c.call = kernel.info->call;
    c.grid = {launch->grid_x, launch->grid_y, launch->grid_z};
    c.block = {launch->block_x, launch->block_y, launch->block_z};
    c.shared_bytes = launch->shared_bytes;
    CUresult error;
    Stream* stream = resolve_stream(launch->stream, &error);
    if (stream == nullptr)
        return error;
    c.device = stream->context().device;
    for (unsigned i = 0; i < launch->attribute_count; ++i) {
        const CUlaunchAttribute& a = launch->attributes[i];
        switch (a.id) {
        case kLaunchIgnore:
        case kLaunchClusterPreference:
        case kLaunchPriority:
            break;
        case kLaunchCooperative:
            c.cooperative = a.value.number != 0;
            break;
        case kLaunchClusterDimension:
            c.cluster = {a.value.cluster.x, a.value.cluster.y, a.value.cluster.z};
            break;
        case kLaunchProgrammaticSerialization:
            arguments->programmatic = a.value.number != 0;
            break;
        default:
            return CUDA_ERROR_NOT_SUPPORTED;
        }
    }
    if (CUresult e = validate(kernel, c, c.device); e != CUDA_SUCCESS)
        return e;
    if (CUresult e = copy_parameters(kernel, parameters, extra, *arguments); e != CUDA_SUCCESS)
        return e;
    return submit(launch->stream, NodeKind::Kernel,
                  [arguments](Stream& s) { return bind(arguments, s); });
}
CUDASIM_CATCH

CUDASIM_API CUresult cuLaunchKernel(void* function, unsigned gx, unsigned gy, unsigned gz,
                                    unsigned bx, unsigned by, unsigned bz, unsigned shared,
                                    void* stream, void** parameters, void** extra) try {
    CUlaunchConfig config{gx, gy, gz, bx, by, bz, shared, stream, nullptr, 0};
    return cuLaunchKernelEx(&config, function, parameters, extra);
}
CUDASIM_CATCH

CUDASIM_API CUresult cuLaunchCooperativeKernel(void* function, unsigned gx, unsigned gy,
                                               unsigned gz, unsigned bx, unsigned by, unsigned bz,
                                               unsigned shared, void* stream,
                                               void** parameters) try {
    CUlaunchAttribute attribute{};
    attribute.id = kLaunchCooperative;
    attribute.value.number = 1;
    CUlaunchConfig config{gx, gy, gz, bx, by, bz, shared, stream, &attribute, 1};
    return cuLaunchKernelEx(&config, function, parameters, nullptr);
}
CUDASIM_CATCH

CUDASIM_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void* function,
                                                                 int threads,
                                                                 std::size_t shared) try {
    if (blocks == nullptr || function == nullptr || threads <= 0 || threads > 1024)
        return CUDA_ERROR_INVALID_VALUE;
    *blocks = static_cast<int>(blocks_per_multiprocessor(static_cast<unsigned>(threads), shared));
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    int* blocks, void* function, int threads, std::size_t shared, unsigned) try {
    return cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, function, threads, shared);
}
CUDASIM_CATCH
CUDASIM_API CUresult cuOccupancyMaxActiveClusters(int* clusters, void* function,
                                                  const CUlaunchConfig* launch) try {
    if (clusters == nullptr || function == nullptr || launch == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    unsigned blocks = 1;
    for (unsigned i = 0; i < launch->attribute_count; ++i) {
        const CUlaunchAttribute& a = launch->attributes[i];
        if (a.id == kLaunchClusterDimension)
            blocks = a.value.cluster.x * a.value.cluster.y * a.value.cluster.z;
    }
    unsigned fit = blocks_per_multiprocessor(launch->block_x * launch->block_y * launch->block_z,
                                             launch->shared_bytes);
    *clusters = static_cast<int>(fit * kMultiprocessors / std::max(1u, blocks));
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
CUDASIM_API CUresult cuOccupancyMaxPotentialClusterSize(int* blocks, void* function,
                                                        const CUlaunchConfig*) try {
    if (blocks == nullptr || function == nullptr)
        return CUDA_ERROR_INVALID_VALUE;
    *blocks = static_cast<Kernel*>(function)->non_portable_cluster ? 16 : 8;
    return CUDA_SUCCESS;
}
CUDASIM_CATCH
