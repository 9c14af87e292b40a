// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.Core.Jit;

namespace DeepInfra.Cuda.Tests;

/// <summary>Kernels that use what a launch can ask for, compiled at run time.</summary>
internal static class TestKernels
{
    private const string Source = """
        #include "common/device.cuh"
        #include "common/ptx.cuh"
        using namespace di;
        using namespace di::ptx;

        struct Words { uint32_t data[32]; };

        // Each block leaves its rank in the shared memory of the next one of its cluster.
        extern "C" __global__ void exchange(uint32_t* out) {
            Words& s = dynamic_shared<Words>();
            uint32_t rank = cluster_ctarank(), next = (rank + 1) % cluster_nctarank();
            cluster_sync();
            st_shared_cluster_u32(mapa(shared_address(s.data + threadIdx.x), next), rank * 100 + threadIdx.x);
            cluster_sync();
            out[blockIdx.x * 32 + threadIdx.x] = s.data[threadIdx.x];
        }

        // Every block waits for all others.
        extern "C" __global__ void meet(uint32_t* counter, uint32_t* values, uint32_t* out) {
            if (threadIdx.x == 0) {
                values[blockIdx.x] = blockIdx.x + 1;
                red_add_release_gpu(counter, 1u);
                while (ld_acquire_gpu(counter) != gridDim.x) {
                }
                out[blockIdx.x] = values[(blockIdx.x + 1) % gridDim.x];
            }
        }

        extern "C" __global__ void first(uint32_t* data, uint32_t value) {
            griddepcontrol_launch_dependents();
            data[threadIdx.x] = threadIdx.x + value;
        }
        extern "C" __global__ void second(const uint32_t* data, uint32_t* out, int wait) {
            if (wait != 0)
                griddepcontrol_wait();
            out[threadIdx.x] = data[threadIdx.x];
        }

        extern "C" __global__ void add(uint32_t* data, uint32_t value) { data[threadIdx.x] += value; }

        extern "C" __global__ void send(uint32_t* data, uint32_t* flag, uint32_t value) {
            data[threadIdx.x] = threadIdx.x + value;
            __syncthreads();
            if (threadIdx.x == 0)
                st_release_sys(flag, value);
        }
        extern "C" __global__ void receive(const uint32_t* data, uint32_t* flag, uint32_t* out, uint32_t value) {
            if (threadIdx.x == 0) {
                while (ld_acquire_sys(flag) != value) {
                }
            }
            __syncthreads();
            out[threadIdx.x] = data[threadIdx.x];
        }
        """;

    private static readonly KernelHeaders s_headers = KernelHeaders.FromResources(
        typeof(TestKernels).Assembly,
        "kernels/"
    );

    public static CudaKernel Load(string name, int device = 0) =>
        JitKernelCache
            .Default.Load(
                new KernelSpec(name, Source, CudaDevice.Get(device).Architecture)
                {
                    EntrySymbol = name,
                    Headers = s_headers,
                },
                Device.Cuda(device)
            )
            .Kernel;
}
