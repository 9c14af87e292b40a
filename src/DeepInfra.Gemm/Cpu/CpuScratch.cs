// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.Gemm.Cpu;

/// <summary>
/// Memory that a thread keeps between multiplications. It grows to the largest request and is collected with its
/// thread; blocks are aligned to cache lines.
/// </summary>
internal sealed unsafe class CpuScratch
{
    private const int Alignment = 64;

    [ThreadStatic]
    private static CpuScratch? t_tile;

    [ThreadStatic]
    private static CpuScratch? t_segments;

    [ThreadStatic]
    private static CpuScratch? t_integers;

    private byte[] _block = [];
    private byte* _start;

    /// <summary>The buffers of the task that runs on this thread.</summary>
    public static CpuScratch Tile => t_tile ??= new CpuScratch();

    /// <summary>The segment list of the call that this thread makes.</summary>
    public static CpuScratch Segments => t_segments ??= new CpuScratch();

    /// <summary>The ranges of groups of the call that this thread makes.</summary>
    public static CpuScratch Integers => t_integers ??= new CpuScratch();

    /// <summary>At least this many bytes; the contents are undefined, and the previous block is void.</summary>
    public byte* Rent(long bytes)
    {
        if (bytes + Alignment > _block.Length)
        {
            _block = GC.AllocateUninitializedArray<byte>(
                checked((int)(bytes + Alignment)),
                pinned: true
            );
            var address = Marshal.UnsafeAddrOfPinnedArrayElement(_block, 0);
            _start = (byte*)((address + Alignment - 1) & -Alignment);
        }
        return _start;
    }
}
