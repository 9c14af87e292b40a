// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>Everything a decode work item needs: addresses, strides and sizes. Strides are in elements of their tensor unless named otherwise.</summary>
internal unsafe struct DecodeArguments
{
    public byte* Query;
    public DType QueryType;
    public long QueryBatchStride;
    public long QueryTokenStride;
    public long QueryHeadStride;

    public KvCacheFormat Format;

    public byte* Out;
    public DType OutType;
    public long OutBatchStride;
    public long OutTokenStride;
    public long OutHeadStride;

    public float* LogSumExp;
    public long LseBatchStride;
    public long LseHeadStride;
    public long LseTokenStride;

    /// <summary>Attention sink per query head; null for none.</summary>
    public float* Sink;
    public long SinkStride;

    /// <summary>Null: part p is the whole request p.</summary>
    public MlaPartRecord* Parts;

    /// <summary>Per request: first row set of its splits in the accumulators; only for split requests.</summary>
    public int* SplitBase;

    /// <summary>Running totals of splits, batch + 1.</summary>
    public int* SplitOffsets;

    /// <summary>[split][row][ValueDim], normalised.</summary>
    public float* OutAccumulator;

    /// <summary>[split][row] in log2 units, -infinity for rows without keys.</summary>
    public float* LseAccumulator;

    public int Batch;
    public int PartCount;
    public int QueryTokens;
    public int QueryHeads;
    public int KvHeads;
    public int HeadDim;
    public int ValueDim;
    public float Scale;
    public LogSumExpBase Base;
    public EmptyLogSumExp Empty;

    public readonly int GroupSize => QueryHeads / KvHeads;

    public readonly int Rows => QueryTokens * GroupSize;

    public readonly byte* QueryRow(int request, int token, int head) =>
        Query
        + (request * QueryBatchStride + token * QueryTokenStride + head * QueryHeadStride)
            * DTypes.SizeInBytes(QueryType);

    /// <summary>The work of a part.</summary>
    public readonly MlaPartRecord Part(int index) =>
        Parts is null
            ? new MlaPartRecord(index, index, 0, int.MaxValue / KeyTile.Capacity, 0, 0, 0)
            : Parts[index];

    /// <summary>Writes one row: to the result, or for a split (number 0 and up) to the accumulators.</summary>
    public readonly void Store(
        int request,
        int split,
        int token,
        int head,
        float* output,
        double lse2
    )
    {
        if (split < 0)
        {
            StoreFinal(request, token, head, output, lse2);
            return;
        }
        var row = AccumulatorRow(request, split, token, head);
        LseAccumulator[row] = (float)lse2;
        new ReadOnlySpan<float>(output, ValueDim).CopyTo(
            new Span<float>(OutAccumulator + row * ValueDim, ValueDim)
        );
    }

    /// <summary>Row of a split in the accumulators.</summary>
    public readonly long AccumulatorRow(int request, int split, int token, int head) =>
        (((long)SplitBase[request] + split) * QueryTokens + token) * QueryHeads + head;

    /// <summary>Applies the sink and writes a finished row: normalised output, log-sum-exp in log2 units.</summary>
    public readonly void StoreFinal(int request, int token, int head, float* output, double lse2)
    {
        if (Sink != null && !double.IsNegativeInfinity(lse2))
        {
            // Once per row, here: partial results of a split know nothing of the sink.
            var factor = (float)(1 / (1 + Math.Exp(Sink[head * SinkStride] - lse2 * SimdMath.Ln2)));
            for (var c = 0; c < ValueDim; c++)
                output[c] *= factor;
        }
        var offset = request * OutBatchStride + token * OutTokenStride + head * OutHeadStride;
        RowConvert.FromFloat(OutType, output, Out + offset * DTypes.SizeInBytes(OutType), ValueDim);
        LogSumExp[request * LseBatchStride + head * LseHeadStride + token * LseTokenStride] =
            FinalLse(lse2);
    }

    public readonly float FinalLse(double lse2)
    {
        if (double.IsNegativeInfinity(lse2))
            return Empty == EmptyLogSumExp.PositiveInfinity
                ? float.PositiveInfinity
                : float.NegativeInfinity;
        return (float)(Base == LogSumExpBase.Two ? lse2 : lse2 * SimdMath.Ln2);
    }
}
