// SPDX-License-Identifier: MIT
using DeepInfra.Core.Interop;

namespace DeepInfra.Core.Cuda;

/// <summary>A kernel of a <see cref="CudaLibrary"/>. Thread-safe.</summary>
public sealed unsafe partial class CudaKernel
{
    private const int MaxThreadsAttribute = 0;
    private const int StaticSharedAttribute = 1;
    private const int LocalBytesAttribute = 3;
    private const int RegistersAttribute = 4;
    private const int MaxDynamicSharedAttribute = 8;
    private const int NonPortableClusterAttribute = 14;

    /// <summary>Dynamic shared memory that a launch may ask for without opting in.</summary>
    private const int DefaultDynamicSharedBytes = 48 << 10;

    private readonly CudaApi _api;
    private readonly nint _kernel;
    private readonly int[] _maxDynamicShared;

    internal CudaKernel(CudaLibrary library, CudaApi api, nint kernel, string symbol)
    {
        Library = library;
        _api = api;
        _kernel = kernel;
        Symbol = symbol;
        _maxDynamicShared = new int[CudaDevice.Count];
    }

    /// <summary>The library; the kernel can be used until it is disposed.</summary>
    public CudaLibrary Library { get; }

    /// <summary>The name in the image.</summary>
    public string Symbol { get; }

    /// <summary>The driver's handle (<c>CUkernel</c>), valid while the library is undisposed.</summary>
    /// <exception cref="ObjectDisposedException">The library was disposed.</exception>
    public nint Handle
    {
        get
        {
            ObjectDisposedException.ThrowIf(Library.IsDisposed, this);
            return _kernel;
        }
    }

    /// <summary>What a thread and a block of the kernel take on a device.</summary>
    /// <param name="device">A CUDA device.</param>
    /// <exception cref="CudaException">The image has no code for the device, or the driver fails.</exception>
    public CudaKernelResources GetResources(Device device)
    {
        var cuda = CudaDevice.Get(device);
        return new CudaKernelResources(
            Get(cuda, RegistersAttribute),
            Get(cuda, StaticSharedAttribute),
            Get(cuda, LocalBytesAttribute),
            Get(cuda, MaxThreadsAttribute)
        );
    }

    /// <summary>
    /// Lets launches ask for up to this much dynamic shared memory. Launches do it by themselves when they need it; doing it ahead
    /// keeps the first launch, or a capture, free of it.
    /// </summary>
    /// <param name="device">A CUDA device.</param>
    /// <param name="bytes">Bytes of a block.</param>
    /// <exception cref="ArgumentOutOfRangeException">More than the device has.</exception>
    /// <exception cref="CudaException">Static and dynamic memory together are too much, or the driver fails.</exception>
    public void SetMaxDynamicSharedBytes(Device device, int bytes)
    {
        var cuda = CudaDevice.Get(device);
        if (bytes < 0 || bytes > cuda.SharedMemoryPerBlockBytes)
            throw new ArgumentOutOfRangeException(
                nameof(bytes),
                $"bytes: expected [0,{cuda.SharedMemoryPerBlockBytes}] on {cuda.Device}, got {bytes}"
            );
        EnsureDynamicShared(cuda.Context, bytes);
    }

    /// <summary>Allows clusters of more than 8 blocks, which not every device of an architecture may have.</summary>
    /// <param name="device">A CUDA device.</param>
    /// <exception cref="CudaException">The driver fails.</exception>
    public void AllowNonPortableClusterSize(Device device) =>
        Set(CudaDevice.Get(device).Context, NonPortableClusterAttribute, 1);

    /// <summary>Blocks that one multiprocessor can run at a time.</summary>
    /// <param name="device">A CUDA device.</param>
    /// <param name="threads">Threads of a block.</param>
    /// <param name="dynamicSharedBytes">Dynamic shared memory of a block.</param>
    /// <exception cref="CudaException">The driver fails.</exception>
    public int GetMaxActiveBlocks(Device device, int threads, int dynamicSharedBytes = 0)
    {
        var context = CudaDevice.Get(device).Context;
        using var scope = context.Enter();
        EnsureDynamicShared(context, dynamicSharedBytes);
        int blocks = 0;
        context.Check(
            _api.OccupancyMaxActiveBlocksPerMultiprocessor(
                &blocks,
                Handle,
                threads,
                (nuint)dynamicSharedBytes
            ),
            "cuOccupancyMaxActiveBlocksPerMultiprocessor"
        );
        return blocks;
    }

    /// <summary>Clusters that the device can run at a time.</summary>
    /// <param name="device">A CUDA device.</param>
    /// <param name="config">The launch, with its cluster.</param>
    /// <exception cref="ArgumentException">The launch has no cluster.</exception>
    /// <exception cref="CudaException">The driver fails.</exception>
    public int GetMaxActiveClusters(Device device, in LaunchConfig config)
    {
        if (!config.HasCluster)
            throw new ArgumentException("config: expected a launch with a cluster", nameof(config));
        var cuda = CudaDevice.Get(device);
        Validate(config, cuda);
        var context = cuda.Context;
        using var scope = context.Enter();
        EnsureDynamicShared(context, config.DynamicSharedBytes);
        var attributes = stackalloc CudaLaunchAttribute[MaxAttributes];
        var native = ToNative(config, 0, attributes);
        int clusters = 0;
        context.Check(
            _api.OccupancyMaxActiveClusters(&clusters, Handle, &native),
            "cuOccupancyMaxActiveClusters"
        );
        return clusters;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Symbol} of {Library.Name}";

    private void EnsureDynamicShared(CudaContext context, int bytes)
    {
        if (bytes <= DefaultDynamicSharedBytes)
            return;
        var ordinal = context.Device.Ordinal;
        // Racing launches may both set it; the larger value must win in the end.
        if (Volatile.Read(ref _maxDynamicShared[ordinal]) < bytes)
            lock (_maxDynamicShared)
            {
                if (_maxDynamicShared[ordinal] >= bytes)
                    return;
                Set(context, MaxDynamicSharedAttribute, bytes);
                Volatile.Write(ref _maxDynamicShared[ordinal], bytes);
            }
    }

    private int Get(CudaDevice device, int attribute)
    {
        using var scope = device.Context.Enter();
        int value = 0;
        device.Context.Check(
            _api.KernelGetAttribute(&value, attribute, Handle, device.Handle),
            $"cuKernelGetAttribute of {Symbol}"
        );
        return value;
    }

    private void Set(CudaContext context, int attribute, int value)
    {
        using var scope = context.Enter();
        context.Check(
            _api.KernelSetAttribute(attribute, value, Handle, context.Device.Handle),
            $"cuKernelSetAttribute of {Symbol}"
        );
    }
}
