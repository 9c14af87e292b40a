// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DeepInfra.Gemm.Cpu;

/// <summary>
/// Few rows of A against many rows of B with 256-bit vectors, one row of B at a time; the order of additions is that of
/// <see cref="StreamKernel512"/> with eight lanes.
/// </summary>
internal static unsafe class StreamKernel256
{
    public static void Run<TDecoder>(ref StreamArguments p)
        where TDecoder : struct, IDecoder256
    {
        for (var n = 0; n < p.Columns; n++)
        {
            switch (p.Rows)
            {
                case 1:
                    Row<Count1, TDecoder>(ref p, n);
                    break;
                case 2:
                    Row<Count2, TDecoder>(ref p, n);
                    break;
                case 3:
                    Row<Count3, TDecoder>(ref p, n);
                    break;
                default:
                    Row<Count4, TDecoder>(ref p, n);
                    break;
            }
        }
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Row<TRows, TDecoder>(ref StreamArguments p, int n)
        where TRows : struct, ICount
        where TDecoder : struct, IDecoder256
    {
        var padded = stackalloc byte[2 * TileShape.StreamChunk];
        var a = p.A;
        nint lda = p.LeadingA;
        var b = p.B + n * p.LeadingB;
        var scaleA = p.ScaleA;
        var scaleB = p.ScaleB + (nint)n * p.LeadingScaleB;
        nint blocks = p.Blocks;
        var remaining = p.K;
        Vector256<float> t0 = default,
            t1 = default,
            t2 = default,
            t3 = default;
        for (nint block = 0; block < blocks; block++)
        {
            Vector256<float> c0 = default,
                c1 = default,
                c2 = default,
                c3 = default;
            var depth = Math.Min(remaining, p.ScaleStep);
            remaining -= depth;
            for (; depth > 0; depth -= TileShape.StreamChunk)
            {
                var from = b;
                if (depth < TileShape.StreamChunk)
                {
                    // Bytes behind the row are not ours to read.
                    new Span<byte>(padded, 2 * TileShape.StreamChunk).Clear();
                    var bytes = depth * TDecoder.ElementBytes;
                    new ReadOnlySpan<byte>(b, bytes).CopyTo(new Span<byte>(padded, bytes));
                    from = padded;
                }
                for (var i = 0; i < TileShape.StreamChunk; i += 8)
                {
                    var v = TDecoder.Decode8(from + i * TDecoder.ElementBytes);
                    c0 = Vector256.MultiplyAddEstimate(v, Vector256.Load(a + i), c0);
                    if (TRows.Value > 1)
                        c1 = Vector256.MultiplyAddEstimate(v, Vector256.Load(a + lda + i), c1);
                    if (TRows.Value > 2)
                        c2 = Vector256.MultiplyAddEstimate(v, Vector256.Load(a + 2 * lda + i), c2);
                    if (TRows.Value > 3)
                        c3 = Vector256.MultiplyAddEstimate(v, Vector256.Load(a + 3 * lda + i), c3);
                }
                a += TileShape.StreamChunk;
                b += TileShape.StreamChunk * TDecoder.ElementBytes;
            }
            var scale = scaleB[block];
            t0 = Scaled(scaleA[block] * scale, c0, t0);
            if (TRows.Value > 1)
                t1 = Scaled(scaleA[blocks + block] * scale, c1, t1);
            if (TRows.Value > 2)
                t2 = Scaled(scaleA[2 * blocks + block] * scale, c2, t2);
            if (TRows.Value > 3)
                t3 = Scaled(scaleA[3 * blocks + block] * scale, c3, t3);
        }
        var result = p.Result + n;
        result[0] = Vector256.Sum(t0);
        if (TRows.Value > 1)
            result[p.LeadingResult] = Vector256.Sum(t1);
        if (TRows.Value > 2)
            result[2 * p.LeadingResult] = Vector256.Sum(t2);
        if (TRows.Value > 3)
            result[3 * p.LeadingResult] = Vector256.Sum(t3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Scaled(
        float scale,
        Vector256<float> sum,
        Vector256<float> total
    ) => Vector256.MultiplyAddEstimate(Vector256.Create(scale), sum, total);
}
