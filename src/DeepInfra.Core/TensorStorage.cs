// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.Core;

/// <summary>
/// The memory behind one or more tensors: 64-byte aligned host memory, or foreign memory with a release
/// action. The finalizer of the handle frees what nobody disposed.
/// </summary>
internal sealed unsafe class TensorStorage : SafeHandle
{
    public const int Alignment = 64;

    private readonly Action? _release;

    private TensorStorage(void* pointer, long bytes, Device device, Action? release)
        : base(0, ownsHandle: true)
    {
        SetHandle((nint)pointer);
        Bytes = bytes;
        Device = device;
        _release = release;
        TensorMemory.Add(bytes);
    }

    public long Bytes { get; }

    public Device Device { get; }

    public override bool IsInvalid => handle == 0;

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

    protected override bool ReleaseHandle()
    {
        TensorMemory.Remove(Bytes);
        if (_release is null)
            NativeMemory.AlignedFree((void*)handle);
        else
            _release();
        return true;
    }
}
