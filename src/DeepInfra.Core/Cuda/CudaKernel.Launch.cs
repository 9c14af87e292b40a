// SPDX-License-Identifier: MIT
using DeepInfra.Core.Interop;

namespace DeepInfra.Core.Cuda;

/// <remarks>
/// Launch overloads take parameters by value: they must have exactly the size and layout of the kernel's parameters
/// (device pointers as <see cref="nint"/>, tensor maps as <see cref="TensorMap"/>). Launching returns at once, allocates
/// nothing and may be captured. Errors of the kernel itself appear at a later call; with
/// <c>DEEPINFRA_DEBUG_SYNC=1</c> at the launch.
/// </remarks>
public sealed unsafe partial class CudaKernel
{
    private const int MaxAttributes = 4;

    /// <summary>Launches with parameters given by address.</summary>
    /// <param name="config">Grid, block and attributes.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="parameters">One address per kernel parameter; the values are copied.</param>
    /// <exception cref="ArgumentException">The configuration is impossible on the device.</exception>
    /// <exception cref="NotSupportedException">The device lacks clusters, early start or cooperative launch.</exception>
    /// <exception cref="CudaException">The driver refuses the launch, or earlier work failed.</exception>
    /// <exception cref="ObjectDisposedException">Stream or library was disposed.</exception>
    public void Launch(in LaunchConfig config, CudaStream stream, void** parameters)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ObjectDisposedException.ThrowIf(Library.IsDisposed, this);
        Validate(config, stream.Context.Device);
        if (config.Grid.Count == 0)
            return;

        using (stream.Use())
        {
            EnsureDynamicShared(stream.Context, config.DynamicSharedBytes);
            var attributes = stackalloc CudaLaunchAttribute[MaxAttributes];
            var native = ToNative(config, stream.SafeHandle.Value, attributes);
            var status = _api.LaunchKernelEx(&native, _kernel, parameters, null);
            if (status != CudaErrorCode.Success)
                stream.Context.Fail(
                    status,
                    $"Launch of {Symbol} with grid {config.Grid}, block {config.Block}, {config.DynamicSharedBytes} bytes of dynamic shared memory"
                );
        }
        DebugSync.AfterLaunch(stream, Symbol);
        GC.KeepAlive(Library);
    }

    /// <summary>Launches a kernel without parameters.</summary>
    /// <inheritdoc cref="Launch(in LaunchConfig, CudaStream, void**)"/>
    public void Launch(in LaunchConfig config, CudaStream stream) => Launch(config, stream, null);

    private static void Validate(in LaunchConfig config, CudaDevice device)
    {
        if (config.Grid.X < 0 || config.Grid.Y < 0 || config.Grid.Z < 0)
            throw new ArgumentException(
                $"config.Grid: expected no negative extent, got {config.Grid}",
                nameof(config)
            );
        if (config.Grid.Y > 65535 || config.Grid.Z > 65535)
            throw new ArgumentException(
                $"config.Grid: expected at most 65535 in Y and Z, got {config.Grid}",
                nameof(config)
            );
        var block = config.Block;
        if (
            block.X <= 0
            || block.Y <= 0
            || block.Z is <= 0 or > 64
            || block.Count > device.MaxThreadsPerBlock
        )
            throw new ArgumentException(
                $"config.Block: expected 1 to {device.MaxThreadsPerBlock} threads, at most 64 in Z, got {block}",
                nameof(config)
            );
        if (
            config.DynamicSharedBytes < 0
            || config.DynamicSharedBytes > device.SharedMemoryPerBlockBytes
        )
            throw new ArgumentException(
                $"config.DynamicSharedBytes: expected [0,{device.SharedMemoryPerBlockBytes}] on {device.Device}, got {config.DynamicSharedBytes}",
                nameof(config)
            );
        if (config.HasCluster)
            ValidateCluster(config, device);
        if (config.IsCooperative && !device.SupportsCooperativeLaunch)
            throw new NotSupportedException($"{device} has no cooperative launch.");
        if (config.AllowsEarlyStart && device.ComputeCapability < 90)
            throw new NotSupportedException(
                $"{device} has no programmatic dependent launch: it needs compute capability 9.0."
            );
    }

    private static void ValidateCluster(in LaunchConfig config, CudaDevice device)
    {
        var (cluster, grid) = (config.Cluster, config.Grid);
        if (!device.SupportsClusters)
            throw new NotSupportedException(
                $"{device} has no clusters: they need compute capability 9.0."
            );
        if (cluster.X <= 0 || cluster.Y <= 0 || cluster.Z <= 0 || cluster.Count > 16)
            throw new ArgumentException(
                $"config.Cluster: expected 1 to 16 blocks, got {cluster}",
                nameof(config)
            );
        if (grid.X % cluster.X != 0 || grid.Y % cluster.Y != 0 || grid.Z % cluster.Z != 0)
            throw new ArgumentException(
                $"config.Grid: expected a multiple of the cluster {cluster}, got {grid}",
                nameof(config)
            );
    }

    private static CudaLaunchConfig ToNative(
        in LaunchConfig config,
        nint stream,
        CudaLaunchAttribute* attributes
    )
    {
        uint count = 0;
        if (config.HasCluster)
            attributes[count++] = new CudaLaunchAttribute
            {
                Id = CudaLaunchAttribute.ClusterDimension,
                X = (uint)config.Cluster.X,
                Y = (uint)config.Cluster.Y,
                Z = (uint)config.Cluster.Z,
            };
        if (config.IsCooperative)
            attributes[count++] = new CudaLaunchAttribute
            {
                Id = CudaLaunchAttribute.Cooperative,
                X = 1,
            };
        if (config.AllowsEarlyStart)
            attributes[count++] = new CudaLaunchAttribute
            {
                Id = CudaLaunchAttribute.ProgrammaticStreamSerialization,
                X = 1,
            };
        if (config.Priority != 0)
            attributes[count++] = new CudaLaunchAttribute
            {
                Id = CudaLaunchAttribute.Priority,
                X = unchecked((uint)config.Priority),
            };
        return new CudaLaunchConfig
        {
            GridX = (uint)config.Grid.X,
            GridY = (uint)config.Grid.Y,
            GridZ = (uint)config.Grid.Z,
            BlockX = (uint)config.Block.X,
            BlockY = (uint)config.Block.Y,
            BlockZ = (uint)config.Block.Z,
            SharedMemoryBytes = (uint)config.DynamicSharedBytes,
            Stream = stream,
            Attributes = count == 0 ? null : attributes,
            AttributeCount = count,
        };
    }
}
