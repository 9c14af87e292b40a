// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace DeepInfra.Core.Numerics;

/// <summary>Transposes matrices of bytes in blocks of 16 × 16.</summary>
internal static unsafe class ByteTranspose
{
    /// <summary>destination[c, r] = source[r, c].</summary>
    /// <param name="source">Row-major, <paramref name="rows"/> rows.</param>
    /// <param name="sourceStride">Bytes from row to row.</param>
    /// <param name="destination">Row-major, <paramref name="columns"/> rows.</param>
    /// <param name="destinationStride">Bytes from row to row.</param>
    /// <param name="rows">Rows of the source.</param>
    /// <param name="columns">Columns of the source.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(
        byte* source,
        long sourceStride,
        byte* destination,
        long destinationStride,
        long rows,
        long columns
    )
    {
        var (fullRows, fullColumns) =
            Sse2.IsSupported || AdvSimd.Arm64.IsSupported ? (rows & ~15L, columns & ~15L) : (0, 0);
        for (long c = 0; c < fullColumns; c += 16)
        for (long r = 0; r < fullRows; r += 16)
            Block(
                source + r * sourceStride + c,
                sourceStride,
                destination + c * destinationStride + r,
                destinationStride
            );
        for (long c = 0; c < columns; c++)
        {
            var first = c < fullColumns ? fullRows : 0;
            for (var r = first; r < rows; r++)
                destination[c * destinationStride + r] = source[r * sourceStride + c];
        }
    }

    [SkipLocalsInit]
    private static void Block(byte* source, long sourceStride, byte* destination, long stride)
    {
        // Four rounds of a perfect shuffle of the 16 rows transpose them.
        var a = stackalloc Vector128<byte>[16];
        var b = stackalloc Vector128<byte>[16];
        for (var i = 0; i < 16; i++)
            a[i] = Vector128.Load(source + i * sourceStride);
        Shuffle(a, b);
        Shuffle(b, a);
        Shuffle(a, b);
        Shuffle(b, a);
        for (var i = 0; i < 16; i++)
            a[i].Store(destination + i * stride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Shuffle(Vector128<byte>* from, Vector128<byte>* to)
    {
        for (var i = 0; i < 8; i++)
        {
            if (Sse2.IsSupported)
            {
                to[2 * i] = Sse2.UnpackLow(from[i], from[i + 8]);
                to[2 * i + 1] = Sse2.UnpackHigh(from[i], from[i + 8]);
            }
            else
            {
                to[2 * i] = AdvSimd.Arm64.ZipLow(from[i], from[i + 8]);
                to[2 * i + 1] = AdvSimd.Arm64.ZipHigh(from[i], from[i + 8]);
            }
        }
    }
}
