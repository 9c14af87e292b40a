// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using DeepInfra.Core.Cuda;

namespace DeepInfra.Core;

/// <summary>
/// The memory behind one or more tensors: 64-byte aligned host memory, device or page-locked memory, or foreign memory
/// with a release action. The finalizer of the handle frees what nobody disposed.
/// </summary>
internal sealed unsafe class TensorStorage : SafeHandle
{
    public const int Alignment = 64;

    private readonly Action? _release;
    private readonly IStreamMemory? _memory;
    private ForeignMemoryUsers? _foreignUsers;
    private bool _abandoned;
    private bool _disposed;

    private TensorStorage(
        void* pointer,
        long bytes,
        Device device,
        Action? release,
        IStreamMemory? memory = null
    )
        : base(0, ownsHandle: true)
    {
        SetHandle((nint)pointer);
        Bytes = bytes;
        Device = device;
        _release = release;
        _memory = memory;
        TensorMemory.Add(bytes);
    }

    public long Bytes { get; }

    public Device Device { get; }

    public override bool IsInvalid => handle == 0;

    /// <summary>True once the owner was disposed; the memory may live on for whoever holds a reference.</summary>
    public bool IsDisposed => _disposed || IsClosed;

    public void* Pointer => (void*)handle;

    public static TensorStorage Allocate(long bytes, bool zeroed)
    {
        // One spare vector keeps full-width loads at the end inside the allocation, and no tensor is null.
        var size = checked((nuint)Math.Max(bytes, 1) + Alignment);
        var pointer = NativeMemory.AlignedAlloc(size, Alignment);
        if (zeroed)
            NativeMemory.Clear(pointer, size);
        return new TensorStorage(pointer, bytes, Device.Cpu, release: null);
    }

    public static TensorStorage Wrap(void* pointer, long bytes, Device device, Action? release) =>
        new(pointer, bytes, device, release ?? (static () => { }));

    /// <summary>Device memory, freed in the order of its streams.</summary>
    public static TensorStorage Adopt(DeviceMemory memory) =>
        new(memory.Pointer, memory.Bytes, memory.Device, release: null, memory);

    /// <summary>Page-locked host memory.</summary>
    public static TensorStorage Adopt(PinnedMemory memory) =>
        new(memory.Pointer, memory.Bytes, Device.Cpu, release: null, memory);

    /// <summary>True for host memory that devices can copy from and to asynchronously.</summary>
    public bool IsPinned => _memory is PinnedMemory;

    /// <summary>Work enqueued on the stream uses the memory. Wrapped memory is its owner's to keep, unless its streams are followed.</summary>
    public void RecordStream(CudaStream stream)
    {
        _memory?.RecordStream(stream);
        _foreignUsers?.Record(stream.SafeHandle);
    }

    /// <summary>From now on the release of wrapped memory waits for the work of the streams recorded on it.</summary>
    public void FollowStreams() => _foreignUsers ??= new ForeignMemoryUsers();

    /// <summary>Makes a stream wait for the work that uses the memory now, as far as it is known.</summary>
    public void OrderBefore(CudaStream stream)
    {
        (_memory as DeviceMemory)?.OrderBefore(stream);
        _foreignUsers?.OrderBefore(stream.SafeHandle);
    }

    protected override void Dispose(bool disposing)
    {
        _abandoned |= !disposing;
        _disposed = true;
        base.Dispose(disposing);
    }

    protected override bool ReleaseHandle()
    {
        TensorMemory.Remove(Bytes);
        // Memory that was abandoned together with this object has a finalizer of its own; handing it back to a pool from
        // here would let the pool hold what that finalizer frees.
        if (_memory is not null)
        {
            if (!_abandoned)
                _memory.Dispose();
        }
        else if (_release is null)
            NativeMemory.AlignedFree((void*)handle);
        else if (_foreignUsers is not null)
            _foreignUsers.Release(_release);
        else
            _release();
        return true;
    }
}
