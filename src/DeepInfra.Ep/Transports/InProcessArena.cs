// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.Ep.Transports;

/// <summary>
/// Symmetric memory of all ranks of a process in one zeroed block. Freed when every rank released it, or by
/// the finalizer of the handle. Untouched pages cost nothing.
/// </summary>
internal sealed unsafe class InProcessArena : SafeHandle
{
    private const int Alignment = 64;

    private readonly nint _first;
    private readonly long _stride;
    private int _users;

    public InProcessArena(int ranks, long bytes)
        : base(0, ownsHandle: true)
    {
        Bytes = bytes;
        Board = new object?[ranks];
        _users = ranks;
        _stride = (bytes + Alignment - 1) / Alignment * Alignment;
        SetHandle(
            (nint)NativeMemory.AllocZeroed(checked((nuint)(_stride * ranks + 2 * Alignment)))
        );
        _first = (handle + Alignment - 1) / Alignment * Alignment;
    }

    public long Bytes { get; }

    public object?[] Board { get; }

    public override bool IsInvalid => handle == 0;

    public byte* Base(int rank) => (byte*)_first + rank * _stride;

    public void Release()
    {
        if (Interlocked.Decrement(ref _users) != 0)
            return;
        // The hub keeps the arena to number allocations; what the ranks shared through it must not live as long.
        Array.Clear(Board);
        Dispose();
    }

    protected override bool ReleaseHandle()
    {
        NativeMemory.Free((void*)handle);
        return true;
    }
}
