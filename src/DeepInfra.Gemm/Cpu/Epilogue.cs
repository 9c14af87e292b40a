// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DeepInfra.Core;
using DeepInfra.Gemm.Operands;

namespace DeepInfra.Gemm.Cpu;

/// <summary>Writes accumulators to D: D = accumulator + bias + C, rounded once.</summary>
internal static unsafe class Epilogue
{
    /// <summary>Writes part of one row.</summary>
    /// <param name="problem">Bias and output types.</param>
    /// <param name="segment">Addresses of C and D.</param>
    /// <param name="accumulators">The values.</param>
    /// <param name="row">Row of D.</param>
    /// <param name="column">First column of D.</param>
    /// <param name="count">Columns.</param>
    public static void Write(
        GemmProblem* problem,
        GemmSegment* segment,
        float* accumulators,
        int row,
        int column,
        int count
    )
    {
        if (problem->Bias is not null)
        {
            if (problem->BiasType == DType.BFloat16)
                Add(accumulators, (ushort*)problem->Bias + column, count);
            else
                Add(accumulators, (float*)problem->Bias + column, count);
        }
        var target = row * problem->LeadingD + column;
        if (problem->OutputType == DType.BFloat16)
        {
            if (segment->C is not null)
                Add(accumulators, (ushort*)segment->C + row * problem->LeadingC + column, count);
            Round(accumulators, (ushort*)segment->D + target, count);
            return;
        }
        if (segment->C is not null)
            Add(accumulators, (float*)segment->C + row * problem->LeadingC + column, count);
        var bytes = (long)count * sizeof(float);
        Buffer.MemoryCopy(accumulators, (float*)segment->D + target, bytes, bytes);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(float* accumulators, float* values, int count)
    {
        var i = 0;
        for (; i + 8 <= count; i += 8)
            (Vector256.Load(accumulators + i) + Vector256.Load(values + i)).Store(accumulators + i);
        for (; i < count; i++)
            accumulators[i] += values[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(float* accumulators, ushort* values, int count)
    {
        var i = 0;
        for (; i + 8 <= count; i += 8)
        {
            var (low, high) = Vector128.Widen(Vector128.Load(values + i));
            var wide = Vector256.Create(low << 16, high << 16).AsSingle();
            (Vector256.Load(accumulators + i) + wide).Store(accumulators + i);
        }
        for (; i < count; i++)
            accumulators[i] += BitConverter.UInt32BitsToSingle((uint)values[i] << 16);
    }

    /// <summary>Rounds to BFloat16: to nearest, ties to even, NaN to 0x7FFF.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Round(float* values, ushort* target, int count)
    {
        var i = 0;
        for (; i + 16 <= count; i += 16)
            Vector256
                .Narrow(Round(Vector256.Load(values + i)), Round(Vector256.Load(values + i + 8)))
                .Store(target + i);
        for (; i < count; i++)
            target[i] = ((BFloat16)values[i]).Bits;
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
