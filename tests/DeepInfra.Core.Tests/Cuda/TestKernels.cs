// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;
using DeepInfra.Core.Jit;

namespace DeepInfra.Core.Tests.Cuda;

/// <summary>Small kernels, compiled for the first device.</summary>
internal static class TestKernels
{
    private const string AddSource = """
        extern "C" __global__ void add(float* x, float value, int n) {
            int i = blockIdx.x * blockDim.x + threadIdx.x;
            if (i < n) x[i] += value;
        }
        """;

    private const string SharedSource = """
        #ifndef __CUDACC__
        #define SHARED int* s = static_cast<int*>(di_sim_dynamic_shared(4 * 64, 16))
        #else
        #define SHARED extern __shared__ int s[]
        #endif
        extern "C" __global__ void reverse(const int* in, int* out) {
            SHARED;
            s[threadIdx.x] = in[threadIdx.x];
            __syncthreads();
            out[threadIdx.x] = s[blockDim.x - 1 - threadIdx.x];
        }
        """;

    private const string FaultSource = """
        extern "C" __global__ void fault(int* x) { x[threadIdx.x] = 1; }
        """;

    /// <summary>add(float* x, float value, int n): x[i] += value.</summary>
    public static CudaKernel Add => Load("add", AddSource);

    /// <summary>reverse(const int* in, int* out): one block, 4 bytes of dynamic shared memory per thread.</summary>
    public static CudaKernel Reverse => Load("reverse", SharedSource);

    /// <summary>fault(int* x): writes to x.</summary>
    public static CudaKernel Fault => Load("fault", FaultSource);

    private static CudaKernel Load(string name, string source) =>
        JitKernelCache
            .Default.Load(
                new KernelSpec(name, source, CudaDevice.Get(0).Architecture) { EntrySymbol = name },
                Device.Cuda(0)
            )
            .Kernel;
}
