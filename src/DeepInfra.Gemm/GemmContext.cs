// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;

namespace DeepInfra.Gemm;

/// <summary>
/// The entry point of the matrix kernels of one device. Thread-safe: many threads may call the operators of one
/// context at once.
/// </summary>
/// <example>
/// <code>
/// var gemm = GemmContext.Cpu;
/// gemm.Ops.Bf16GemmNT(a, b, d);                                    // D = A·Bᵀ
/// gemm.Ops.Fp8GemmNT(new(qa, sfa), new(qb, sfb), d);               // scales 1x128 and 128x128
/// gemm.Ops.Fp8GemmNT(x, w, d, new GemmCall { Accumulate = d });    // D += …
///
/// var gpu = GemmContext.ForDevice(Device.Cuda(0));
/// gpu.Ops.Bf16GemmNT(a, b, d, new GemmCall { Stream = stream });   // tensors of the device
/// </code>
/// </example>
public sealed class GemmContext
{
    private GemmContext(Device device, GemmOptions options)
    {
        Device = device;
        Options = options;
        Ops = new GemmOperators(this);
        Layout = new LayoutOperators(options.MkAlignment);
    }

    /// <summary>The CPU with default settings.</summary>
    public static GemmContext Cpu { get; } = new(Device.Cpu, new GemmOptions());

    /// <summary>The device whose tensors the operators take.</summary>
    public Device Device { get; }

    /// <summary>The settings.</summary>
    public GemmOptions Options { get; }

    /// <summary>The alignment of group starts; see <see cref="GemmOptions.MkAlignment"/>.</summary>
    public int MkAlignment => Options.MkAlignment;

    /// <summary>The matrix multiplications.</summary>
    public GemmOperators Ops { get; }

    /// <summary>Conversions of scale factors and packed codes.</summary>
    public LayoutOperators Layout { get; }

    /// <summary>A CPU context with its own settings; cheap, holds no resources.</summary>
    /// <param name="options">The settings.</param>
    public static GemmContext CreateCpu(GemmOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new GemmContext(Device.Cpu, options);
    }

    /// <summary>
    /// A context of a device; cheap, holds no resources. On a CUDA device it has the dense multiplications: BFloat16 on
    /// compute capability 9.0, FP8 and FP4 on 8.9 and above. Kernels are compiled by NVRTC at first use and kept in
    /// <see cref="DeepInfra.Core.Jit.JitKernelCache.Default"/>.
    /// </summary>
    /// <param name="device">The CPU or a CUDA device.</param>
    /// <param name="options">Null takes the defaults.</param>
    /// <exception cref="NativeLibraryNotFoundException">There is no CUDA driver.</exception>
    /// <exception cref="CudaException">There is no such device, or the driver fails.</exception>
    public static GemmContext ForDevice(Device device, GemmOptions? options = null)
    {
        if (!device.IsCpu)
            _ = CudaDevice.Get(device);
        return new GemmContext(device, options ?? new GemmOptions());
    }
}
