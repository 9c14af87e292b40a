// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.Core.Cuda;

/// <summary>
/// Page-locked host memory: the only kind that copies to and from a device truly asynchronously. Every device can address
/// it. Disposed memory returns to a pool and is handed out again once the streams recorded on it have passed, so that
/// disposing right after enqueuing a copy is safe and never waits. Thread-safe.
/// </summary>
public sealed unsafe class PinnedMemory : IDisposable, IStreamMemory
{
    private readonly PinnedBlock _block;
    private int _disposed;

    private PinnedMemory(PinnedBlock block, long bytes)
    {
        _block = block;
        Bytes = bytes;
    }

    /// <summary>Bytes of page-locked memory that the process holds, in use or waiting in the pool.</summary>
    public static long ReservedBytes => PinnedPool.ReservedBytes;

    /// <summary>Bytes in use.</summary>
    public static long LiveBytes => PinnedPool.LiveBytes;

    /// <summary>Bytes asked for.</summary>
    public long Bytes { get; }

    /// <summary>True once disposed.</summary>
    public bool IsDisposed => _disposed != 0;

    /// <summary>The address, on host and devices; valid while undisposed.</summary>
    /// <exception cref="ObjectDisposedException">The memory was disposed.</exception>
    public void* Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            return (void*)_block.Address;
        }
    }

    /// <summary>Allocates, from the pool if it can. The contents are undefined.</summary>
    /// <param name="bytes">Zero or more.</param>
    /// <param name="device">A CUDA device whose driver locks the pages.</param>
    /// <exception cref="ArgumentException">The device is the CPU.</exception>
    /// <exception cref="CudaOutOfMemoryException">The system cannot lock that much.</exception>
    /// <exception cref="CudaException">The driver fails.</exception>
    public static PinnedMemory Allocate(long bytes, Device device)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        return new PinnedMemory(PinnedPool.Rent(bytes, CudaDevice.Get(device).Context), bytes);
    }

    /// <summary>Frees the blocks of the pool that no work uses any more.</summary>
    public static void TrimPool() => PinnedPool.Trim();

    /// <summary>The memory as elements.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <exception cref="ObjectDisposedException">The memory was disposed.</exception>
    /// <exception cref="InvalidOperationException">More than 2^31-1 elements.</exception>
    public Span<T> AsSpan<T>()
        where T : unmanaged
    {
        var count = Bytes / Unsafe.SizeOf<T>();
        return count <= int.MaxValue
            ? new Span<T>(Pointer, (int)count)
            : throw new InvalidOperationException(
                $"AsSpan: {count} elements do not fit in one span"
            );
    }

    /// <summary>Says that work enqueued on a stream uses the memory; call it before disposing.</summary>
    /// <param name="stream">The stream.</param>
    /// <exception cref="ObjectDisposedException">The memory or stream was disposed.</exception>
    public void RecordStream(CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        ObjectDisposedException.ThrowIf(stream.IsDisposed, stream);
        _block.Record(stream.SafeHandle);
    }

    /// <summary>Returns the memory to the pool. A second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            PinnedPool.Return(_block);
    }
}
