// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Ep;

namespace EndToEnd.Model;

/// <summary>What <see cref="MoeBlock"/> keeps of a forward pass.</summary>
internal sealed class MoeActivation : IDisposable
{
    public Tensor<float> X { get; set; } = null!;
    public Tensor<float> Normed { get; set; } = null!;
    public Tensor<float> SharedGateUp { get; set; } = null!;
    public Tensor<float> SharedHidden { get; set; } = null!;
    public Tensor<float> SharedOutput { get; set; } = null!;

    /// <summary>The rows that travel, in BFloat16; alive until the exchange is done.</summary>
    public Tensor<BFloat16>? SentRows { get; set; }
    public RouterActivation Routing { get; } = new();
    public DispatchResult? Dispatched { get; set; }
    public CombineResult? Combined { get; set; }
    public ExpertRows? Rows { get; set; }
    public Tensor<float> RowInputs { get; set; } = null!;
    public Tensor<float> RowGateUp { get; set; } = null!;
    public Tensor<float> RowHidden { get; set; } = null!;
    public Tensor<float> RowOutputs { get; set; } = null!;

    public void Dispose()
    {
        Routing.Dispose();
        Combined?.Dispose();
        Dispatched?.Dispose();
        // The routing outlives the rows: the backward pass sends along it.
        Dispatched?.Handle.Dispose();
        SentRows?.Dispose();
        Rows?.Dispose();
    }
}
