// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Ep.Engine;

namespace DeepInfra.Ep;

/// <summary>The weighted sums of a low-latency combine. The tensor belongs to the buffer's pool (or is the caller's output) until the result is disposed.</summary>
public sealed class LowLatencyCombineResult : LowLatencyResult
{
    internal LowLatencyCombineResult(LowLatencyBuffer owner)
        : base(owner) { }

    /// <summary>BFloat16 [T,H]: Σ weight · row over the token's selections, in Float32 and in position order, rounded once.</summary>
    public Tensor<BFloat16> X
    {
        get
        {
            RequireCompleted();
            return Output!;
        }
    }

    internal TensorSlab Slab { get; } = new();

    internal Tensor<BFloat16>? Output { get; set; }

    internal Tensor<BFloat16>? Input { get; set; }

    internal Tensor? TopkIdx { get; set; }

    internal Tensor<float>? TopkWeights { get; set; }

    internal LowLatencyHandle Handle { get; set; } = null!;

    internal LowLatencyCombineOptions Options { get; set; } = LowLatencyCombineOptions.Default;

    internal override void Send() => Owner.SendCombine(this);

    internal override void Receive() => Owner.ReceiveCombine(this);

    private protected override void Release()
    {
        Input = Output = null;
        TopkIdx = null;
        TopkWeights = null;
        Options = LowLatencyCombineOptions.Default;
        Owner.Recycle(this);
    }
}
