// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep.Engine;

/// <summary>One rank's combine, as its engine and, in one address space, its peers see it.</summary>
internal sealed unsafe class CombineRequest
{
    public CombineOptions Options = CombineOptions.Default;
    public CancellationToken Cancellation;
    public Tensor? Input;
    public Tensor? Output;

    public CallShape Shape;
    public RoutingPlan Plan = null!;

    public byte* X;
    public long XStrideBytes;
    public long RowBytes;
    public long Hidden;
    public DType DType;
    public float* Weights;
    public long WeightsStride;
    public int TopK;

    public byte* Bias0;
    public long Bias0StrideBytes;
    public byte* Bias1;
    public long Bias1StrideBytes;

    /// <summary>Drops the references to the caller's tensors.</summary>
    public void Clear()
    {
        Options = CombineOptions.Default;
        Cancellation = default;
        Input = null;
        Output = null;
        X = null;
        Weights = null;
        Bias0 = null;
        Bias1 = null;
    }
}
