// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>
/// Memory of a CUDA device, allocated and freed in the order of streams: usable by work enqueued after the
/// allocation, freed after the work that used it, without any synchronisation. Thread-safe.
/// </summary>
/// <remarks>
/// The stream of allocation is a user from the start. Every other stream whose work uses the memory must be recorded
/// (<see cref="RecordStream"/>) before the memory is disposed. Memory that nobody disposed is freed by the collector, late.
/// </remarks>
public sealed unsafe class DeviceMemory : IDisposable, IStreamMemory
{
    private static long s_liveBytes;
    private static long s_liveCount;

    private readonly SafeDeviceMemoryHandle _handle;

    // The handle stays open as long as a graph needs the memory.
    private int _disposed;

    private DeviceMemory(SafeDeviceMemoryHandle handle) => _handle = handle;

    /// <summary>Bytes allocated now by this process through this class.</summary>
    public static long LiveBytes => Interlocked.Read(ref s_liveBytes);

    /// <summary>Allocations alive now.</summary>
    public static long LiveCount => Interlocked.Read(ref s_liveCount);

    /// <summary>Bytes asked for.</summary>
    public long Bytes => _handle.Bytes;

    /// <summary>The device.</summary>
    public Device Device => _handle.Context.Device.Device;

    /// <summary>True once disposed.</summary>
    public bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    /// <summary>The address on the device, at least 256-byte aligned; valid while undisposed.</summary>
    /// <exception cref="ObjectDisposedException">The memory was disposed.</exception>
    public void* Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            return (void*)_handle.Value;
        }
    }

    /// <summary>Allocates. The contents are undefined.</summary>
    /// <param name="bytes">Zero or more.</param>
    /// <param name="stream">Decides the device; work enqueued on it from now on may use the memory.</param>
    /// <exception cref="CudaOutOfMemoryException">Not enough free memory, also after trimming the pool.</exception>
    /// <exception cref="InvalidOperationException">The stream captures.</exception>
    /// <exception cref="NotSupportedException">The device has no stream-ordered allocator.</exception>
    /// <exception cref="CudaException">The driver fails.</exception>
    /// <exception cref="ObjectDisposedException">The stream was disposed.</exception>
    public static DeviceMemory Allocate(long bytes, CudaStream stream)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        ArgumentNullException.ThrowIfNull(stream);
        var context = stream.Context;
        if (!context.Device.SupportsMemoryPools)
            throw new NotSupportedException(
                $"{context.Device} has no stream-ordered memory (cuMemAllocAsync)."
            );
        stream.ThrowIfCapturing("Allocate");
        context.FreeDeferred();

        using var use = stream.Use();
        // The driver rejects empty allocations, and no pointer of ours is null.
        var size = (nuint)Math.Max(bytes, 1);
        ulong address = 0;
        var status = context.Api.MemAllocAsync(&address, size, stream.SafeHandle.Value);
        if (status == CudaErrorCode.OutOfMemory)
        {
            _ = context.Api.MemPoolTrimTo(context.MemoryPool, 0);
            status = context.Api.MemAllocAsync(&address, size, stream.SafeHandle.Value);
        }
        if (status == CudaErrorCode.OutOfMemory)
            throw OutOfMemory(context, "cuMemAllocAsync", bytes);
        context.Check(status, "cuMemAllocAsync");
        return new DeviceMemory(new SafeDeviceMemoryHandle(address, bytes, stream.SafeHandle));
    }

    /// <summary>
    /// Says that work enqueued on a stream uses the memory: it is then freed only after that work, and a graph that the stream
    /// is capturing keeps it. Call it after enqueuing and before disposing.
    /// </summary>
    /// <param name="stream">A stream of this or of another device.</param>
    /// <exception cref="ObjectDisposedException">The memory or stream was disposed.</exception>
    public void RecordStream(CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        ObjectDisposedException.ThrowIf(stream.IsDisposed, stream);
        _handle.Record(stream.SafeHandle);
    }

    /// <summary>Makes a stream wait for the work that uses the memory now, and a user of it.</summary>
    internal void OrderBefore(CudaStream stream)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        ObjectDisposedException.ThrowIf(stream.IsDisposed, stream);
        _handle.OrderBefore(stream.SafeHandle);
    }

    /// <summary>Enqueues the release; see the class. A second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            _handle.Dispose();
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Bytes} bytes on {Device}";

    internal static void Add(long bytes)
    {
        Interlocked.Add(ref s_liveBytes, bytes);
        Interlocked.Increment(ref s_liveCount);
    }

    internal static void Remove(long bytes)
    {
        Interlocked.Add(ref s_liveBytes, -bytes);
        Interlocked.Decrement(ref s_liveCount);
    }

    internal static CudaOutOfMemoryException OutOfMemory(
        CudaContext context,
        string operation,
        long bytes
    )
    {
        nuint free = 0,
            total = 0;
        _ = context.Api.MemGetInfo(&free, &total);
        return new CudaOutOfMemoryException(
            operation,
            context.Device.Device.ToString(),
            bytes,
            (long)free,
            (long)total
        );
    }
}
