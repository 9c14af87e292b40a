// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.DualPipe.Tensors;

/// <summary>A pinned array with a 64-byte aligned start.</summary>
internal sealed class AlignedBlock
{
    public const int Alignment = 64;
    private readonly byte[] _array;
    private readonly int _offset;

    public AlignedBlock(int capacity, int bucket)
    {
        _array = GC.AllocateUninitializedArray<byte>(capacity + Alignment - 1, pinned: true);
        var address = Marshal.UnsafeAddrOfPinnedArrayElement(_array, 0);
        _offset = (int)(-address & (Alignment - 1));
        Bucket = bucket;
    }

    public int Bucket { get; }

    public Span<byte> Span(int length) => _array.AsSpan(_offset, length);
}
