// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DeepInfra.Core.Cpu;

namespace DeepInfra.Ep.Cpu;

/// <summary>
/// The BFloat16 sum of <see cref="RowSum"/>, bit for bit, for rows and sums that no cache holds. Reading many rows in
/// step defeats hardware prefetchers and makes memory banks switch pages all the time, so rows are read two at a time
/// in pieces of one KiB, the next piece of each is prefetched in one go, and Float32 sums of a piece wait in the
/// first-level cache. Sums are written past the caches.
/// </summary>
internal static unsafe class StreamingRowSum
{
    private const int Piece = 512;
    private const int LineBytes = 64;

    /// <summary>Sums as many elements as full vectors hold and returns their number; 0 if the tier or the target's alignment does not allow it. Call <see cref="RowCopy.Fence"/> before signalling.</summary>
    [SkipLocalsInit]
    public static int Sum(SimdTier tier, ushort* target, ushort** rows, int count, int hidden)
    {
        var lanes =
            tier >= SimdTier.V512 ? 32
            : tier >= SimdTier.V256 ? 16
            : 0;
        if (lanes == 0 || count == 0 || ((nint)target & (2 * lanes - 1)) != 0)
            return 0;
        var memory = stackalloc byte[Piece * sizeof(float) + LineBytes];
        var sums = (float*)(((nint)memory + LineBytes - 1) & -LineBytes);
        var end = hidden / lanes * lanes;
        for (var start = 0; start < end; start += Piece)
        {
            var length = Math.Min(Piece, end - start);
            for (var row = 0; row < count; row += 2)
            {
                var pair = new Pair
                {
                    First = rows[row] + start,
                    Second = row + 1 < count ? rows[row + 1] + start : null,
                    Sums = sums,
                    Target = row + 2 >= count ? target + start : null,
                    IsFirst = row == 0,
                };
                // Behind the row's end usually lies the row that is summed next.
                Prefetch(pair.First + length, length);
                if (pair.Second != null)
                    Prefetch(pair.Second + length, length);
                if (lanes == 32)
                    Add<PairSimd512, Vector512<float>, Vector512<uint>>(pair, length);
                else
                    Add<PairSimd256, Vector256<float>, Vector256<uint>>(pair, length);
            }
        }
        return end;
    }

    private static void Prefetch(ushort* start, int length)
    {
        for (var i = 0; i < length; i += LineBytes / sizeof(ushort))
            RowCopy.Prefetch((byte*)(start + i));
    }

    private static void Add<TSimd, VF, VP>(in Pair pair, int length)
        where TSimd : struct, IPairSimd<VF, VP>
        where VF : struct
        where VP : struct
    {
        var first = pair.First;
        var second = pair.Second;
        var sums = pair.Sums;
        var target = pair.Target;
        var isFirst = pair.IsFirst;
        for (var i = 0; i < length; i += 2 * TSimd.Count)
        {
            var even = isFirst ? TSimd.Zero : TSimd.Load(sums + i);
            var odd = isFirst ? TSimd.Zero : TSimd.Load(sums + i + TSimd.Count);
            var pairs = TSimd.Load(first + i);
            even = TSimd.Add(even, TSimd.Even(pairs));
            odd = TSimd.Add(odd, TSimd.Odd(pairs));
            if (second != null)
            {
                pairs = TSimd.Load(second + i);
                even = TSimd.Add(even, TSimd.Even(pairs));
                odd = TSimd.Add(odd, TSimd.Odd(pairs));
            }
            if (target != null)
            {
                TSimd.StorePastCaches(TSimd.Round(even, odd), target + i);
                continue;
            }
            TSimd.Store(even, sums + i);
            TSimd.Store(odd, sums + i + TSimd.Count);
        }
    }

    /// <summary>One piece of one or two rows, and where the sums so far are and the rounded ones go.</summary>
    private ref struct Pair
    {
        public ushort* First;

        /// <summary>Null if there is only one row left.</summary>
        public ushort* Second;

        public float* Sums;

        /// <summary>Null unless these are the last rows.</summary>
        public ushort* Target;

        public bool IsFirst;
    }
}
