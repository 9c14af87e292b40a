// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DeepInfra.Core;
using DeepInfra.Gemm.Operands;

namespace DeepInfra.Gemm.Cpu;

/// <summary>Writes accumulators to D: D = accumulator + bias + C, rounded once.</summary>
internal static unsafe class Epilogue
{
    /// <summary>Writes a tile.</summary>
    /// <param name="problem">Bias and output types.</param>
    /// <param name="segment">Addresses of C and D.</param>
    /// <param name="tile">The accumulators; bias and C are added in place.</param>
    /// <param name="stride">Values from one row of the tile to the next.</param>
    /// <param name="row">First row of D.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="column">First column of D.</param>
    /// <param name="columns">Columns.</param>
    public static void Write(
        GemmProblem* problem,
        GemmSegment* segment,
        float* tile,
        int stride,
        int row,
        int rows,
        int column,
        int columns
    )
    {
        if (problem->Bias is not null)
        {
            if (problem->BiasType == DType.BFloat16)
                Add(tile, stride, (ushort*)problem->Bias + column, 0, rows, columns);
            else
                Add(tile, stride, (float*)problem->Bias + column, 0, rows, columns);
        }
        var target = row * problem->LeadingD + column;
        var source = row * problem->LeadingC + column;
        if (problem->OutputType == DType.BFloat16)
        {
            if (segment->C is not null)
                Add(tile, stride, (ushort*)segment->C + source, problem->LeadingC, rows, columns);
            Round(tile, stride, (ushort*)segment->D + target, problem->LeadingD, rows, columns);
            return;
        }
        if (segment->C is not null)
            Add(tile, stride, (float*)segment->C + source, problem->LeadingC, rows, columns);
        Copy(tile, stride, (float*)segment->D + target, problem->LeadingD, rows, columns);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(
        float* tile,
        int stride,
        float* values,
        long leading,
        int rows,
        int columns
    )
    {
        for (; rows > 0; rows--, tile += stride, values += leading)
        {
            var i = 0;
            for (; i + 8 <= columns; i += 8)
                (Vector256.Load(tile + i) + Vector256.Load(values + i)).Store(tile + i);
            for (; i < columns; i++)
                tile[i] += values[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(
        float* tile,
        int stride,
        ushort* values,
        long leading,
        int rows,
        int columns
    )
    {
        for (; rows > 0; rows--, tile += stride, values += leading)
        {
            var i = 0;
            for (; i + 8 <= columns; i += 8)
            {
                var (low, high) = Vector128.Widen(Vector128.Load(values + i));
                var wide = Vector256.Create(low << 16, high << 16).AsSingle();
                (Vector256.Load(tile + i) + wide).Store(tile + i);
            }
            for (; i < columns; i++)
                tile[i] += BitConverter.UInt32BitsToSingle((uint)values[i] << 16);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Copy(
        float* tile,
        int stride,
        float* target,
        long leading,
        int rows,
        int columns
    )
    {
        for (; rows > 0; rows--, tile += stride, target += leading)
        {
            var i = 0;
            for (; i + 8 <= columns; i += 8)
                Vector256.Load(tile + i).Store(target + i);
            for (; i < columns; i++)
                target[i] = tile[i];
        }
    }

    /// <summary>Rounds to BFloat16: to nearest, ties to even, NaN to 0x7FFF.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Round(
        float* tile,
        int stride,
        ushort* target,
        long leading,
        int rows,
        int columns
    )
    {
        for (; rows > 0; rows--, tile += stride, target += leading)
        {
            var i = 0;
            for (; i + 16 <= columns; i += 16)
                Vector256
                    .Narrow(Round(Vector256.Load(tile + i)), Round(Vector256.Load(tile + i + 8)))
                    .Store(target + i);
            for (; i < columns; i++)
                target[i] = ((BFloat16)tile[i]).Bits;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Round(Vector256<float> value)
    {
        var bits = value.AsUInt32();
        var rounded =
            (bits + Vector256.Create(0x7FFFu) + ((bits >> 16) & Vector256<uint>.One)) >> 16;
        return Vector256.ConditionalSelect(
            Vector256.Equals(value, value).AsUInt32(),
            rounded,
            Vector256.Create(0x7FFFu)
        );
    }
}
