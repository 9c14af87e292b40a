// SPDX-License-Identifier: MIT
using DeepInfra.Core.Interop;

namespace DeepInfra.Core.Cuda;

/// <summary>
/// Device memory that other processes of the machine can open. Contrary to <see cref="DeviceMemory"/> it is not ordered by
/// streams: it can be used at once, and disposing it waits for the device. Thread-safe.
/// </summary>
public sealed unsafe class SharedDeviceMemory : IDisposable
{
    /// <summary>Length of an exported handle in bytes.</summary>
    public const int HandleBytes = CudaIpcBytes.Length;

    private const uint EnablePeerAccessLazily = 1;

    private readonly SafeSharedMemoryHandle _handle;
    private readonly bool _isOpened;

    // The handle stays open as long as a tensor needs the memory.
    private int _disposed;

    private SharedDeviceMemory(SafeSharedMemoryHandle handle, long bytes, bool isOpened)
    {
        _handle = handle;
        _isOpened = isOpened;
        Bytes = bytes;
    }

    /// <summary>Bytes of the memory.</summary>
    public long Bytes { get; }

    /// <summary>The device.</summary>
    public Device Device => _handle.Context.Device.Device;

    /// <summary>True once disposed.</summary>
    public bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    /// <summary>The address in this process, at least 256-byte aligned; valid while undisposed.</summary>
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
    /// <param name="bytes">At least 1.</param>
    /// <param name="device">A CUDA device.</param>
    /// <exception cref="ArgumentException">The device is the CPU.</exception>
    /// <exception cref="CudaOutOfMemoryException">The device has not enough free memory.</exception>
    /// <exception cref="CudaException">The driver fails.</exception>
    public static SharedDeviceMemory Allocate(long bytes, Device device)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bytes, 1);
        var context = CudaDevice.Get(device).Context;
        using var scope = context.Enter();
        ulong address = 0;
        var status = context.Api.MemAlloc(&address, (nuint)bytes);
        if (status == CudaErrorCode.OutOfMemory)
            throw DeviceMemory.OutOfMemory(context, "cuMemAlloc", bytes);
        context.Check(status, "cuMemAlloc");
        return new SharedDeviceMemory(
            new SafeSharedMemoryHandle(context, address, bytes, isOpened: false),
            bytes,
            isOpened: false
        );
    }

    /// <summary>Opens memory of another process. It must stay allocated there until this object is disposed.</summary>
    /// <param name="handle">What <see cref="ExportHandle"/> gave there.</param>
    /// <param name="bytes">Bytes of the memory, as allocated there.</param>
    /// <param name="device">The CUDA device through which this process uses it.</param>
    /// <exception cref="ArgumentException">The handle has another length, or the device is the CPU.</exception>
    /// <exception cref="CudaException">The memory is gone or of this process, or the devices cannot address each other.</exception>
    public static SharedDeviceMemory Open(ReadOnlySpan<byte> handle, long bytes, Device device)
    {
        if (handle.Length != HandleBytes)
            throw new ArgumentException(
                $"handle: expected {HandleBytes} bytes, got {handle.Length}",
                nameof(handle)
            );
        ArgumentOutOfRangeException.ThrowIfLessThan(bytes, 1);
        var context = CudaDevice.Get(device).Context;
        using var scope = context.Enter();
        CudaIpcBytes ipc;
        handle.CopyTo(new Span<byte>(ipc.Bytes, HandleBytes));
        ulong address = 0;
        context.Check(
            context.Api.IpcOpenMemHandle(&address, ipc, EnablePeerAccessLazily),
            "cuIpcOpenMemHandle"
        );
        return new SharedDeviceMemory(
            new SafeSharedMemoryHandle(context, address, bytes, isOpened: true),
            bytes,
            isOpened: true
        );
    }

    /// <summary>A handle for <see cref="Open"/> in other processes: plain bytes, to be sent as they are.</summary>
    /// <exception cref="InvalidOperationException">The memory was opened, not allocated, by this process.</exception>
    /// <exception cref="ObjectDisposedException">The memory was disposed.</exception>
    /// <exception cref="CudaException">The driver fails.</exception>
    public byte[] ExportHandle()
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (_isOpened)
            throw new InvalidOperationException(
                "ExportHandle: only the process that allocated the memory can export it."
            );
        using var scope = _handle.Context.Enter();
        CudaIpcBytes ipc;
        _handle.Context.Check(
            _handle.Context.Api.IpcGetMemHandle(&ipc, (ulong)_handle.Value),
            "cuIpcGetMemHandle"
        );
        return new Span<byte>(ipc.Bytes, HandleBytes).ToArray();
    }

    /// <summary>The memory as a compact row-major tensor, which keeps it alive until it is disposed.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="shape">At most as many elements as fit.</param>
    /// <param name="byteOffset">Where the tensor begins.</param>
    /// <exception cref="ArgumentException">The tensor does not fit.</exception>
    /// <exception cref="ObjectDisposedException">The memory was disposed.</exception>
    public Tensor<T> AsTensor<T>(Shape shape, long byteOffset = 0)
        where T : unmanaged
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        var needed = checked(shape.ElementCount * sizeof(T));
        if (byteOffset < 0 || byteOffset > Bytes || needed > Bytes - byteOffset)
            throw new ArgumentException(
                $"shape: expected at most {Bytes} bytes, got {needed} at {byteOffset}",
                nameof(shape)
            );
        var added = false;
        _handle.DangerousAddRef(ref added);
        return Tensor<T>.Wrap(
            (T*)(_handle.Value + byteOffset),
            shape,
            strides: null,
            _handle.DangerousRelease,
            Device
        );
    }

    /// <summary>
    /// Frees or closes the memory once no tensor uses it; waits for the device. A second call does nothing.
    /// </summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            _handle.Dispose();
    }
}
