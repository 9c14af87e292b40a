// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep.Engine;

/// <summary>
/// One rank's dispatch, as its engine and, in one address space, its peers see it. Peers read it between this
/// rank's arrival signal and their own done signals; its tensors stay referenced for that long.
/// </summary>
internal sealed unsafe class DispatchRequest
{
    public DispatchInput Input;
    public DispatchOptions Options = DispatchOptions.Default;
    public CancellationToken Cancellation;
    public bool IsCached;

    public CallShape Shape;
    public RoutingPlan Plan = null!;

    /// <summary>[E]: this rank's selections per expert; valid until the operation ends.</summary>
    public int[] TokensPerExpert = [];

    public byte* X;
    public long XStrideBytes;
    public long RowBytes;
    public DType DType;
    public long Hidden;

    public byte* Scale;
    public long ScaleRowStrideBytes;
    public long ScalePackStrideBytes;
    public int ScalePacks;
    public DType ScaleType;

    public byte* TopkIdx;
    public long TopkIdxStride;
    public bool IndexIs64Bit;
    public float* TopkWeights;
    public long TopkWeightsStride;

    public int Tokens;
    public int TopK;
    public int Experts;
    public int RecvTokens;

    /// <summary>Drops the references to the caller's tensors.</summary>
    public void Clear()
    {
        Input = default;
        Options = DispatchOptions.Default;
        Cancellation = default;
        X = null;
        Scale = null;
        TopkIdx = null;
        TopkWeights = null;
    }
}
