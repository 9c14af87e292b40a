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

    public byte* Cache;
    public KvCacheFormat Format;
    public long BlockStrideBytes;
    public long RowStrideBytes;
    public long HeadStrideBytes;
    public int PageSize;

    public int* BlockTable;
    public long TableStride;
    public int* SequenceLengths;

    public byte* Out;
    public DType OutType;
    public long OutBatchStride;
    public long OutTokenStride;
    public long OutHeadStride;

    public float* LogSumExp;
    public long LseBatchStride;
    public long LseHeadStride;
    public long LseTokenStride;

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
    public bool Causal;
    public LogSumExpBase Base;
    public EmptyLogSumExp Empty;

    public readonly int GroupSize => QueryHeads / KvHeads;

    public readonly int Rows => QueryTokens * GroupSize;

    /// <summary>Writes one finished row: normalised output in <paramref name="output"/>, log-sum-exp in log2 units.</summary>
    public readonly void StoreRow(int request, int token, int head, float* output, double lse2)
    {
        var bytes = DTypes.SizeInBytes(OutType);
        var offset = request * OutBatchStride + token * OutTokenStride + head * OutHeadStride;
        RowConvert.FromFloat(OutType, output, Out + offset * bytes, ValueDim);
        LogSumExp[request * LseBatchStride + head * LseHeadStride + token * LseTokenStride] =
            FinalLse(lse2);
    }

    private readonly float FinalLse(double lse2)
    {
        if (double.IsNegativeInfinity(lse2))
            return Empty == EmptyLogSumExp.PositiveInfinity
                ? float.PositiveInfinity
                : float.NegativeInfinity;
        return (float)(Base == LogSumExpBase.Two ? lse2 : lse2 * SimdMath.Ln2);
    }
}
