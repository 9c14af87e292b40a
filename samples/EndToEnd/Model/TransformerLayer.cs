// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.Ep;

namespace EndToEnd.Model;

/// <summary>
/// One stage of the model: attention and experts, with the embedding in front on the first stage and the head
/// behind on the last. All functions are per expert rank and work on that rank's sequences; they come in the
/// phases of <see cref="MoeBlock"/>, so that two micro-batches can be interleaved.
/// </summary>
internal sealed class TransformerLayer : IDisposable
{
    private readonly ModelConfig _config;
    private readonly Embedding? _embedding;
    private readonly OutputHead? _head;

    public TransformerLayer(ModelConfig config, int index, int seed, CpuBackendOptions cpu)
    {
        _config = config;
        Index = index;
        _embedding = index == 0 ? new Embedding(config, Parameters) : null;
        Attention = new AttentionBlock(config, Parameters, cpu);
        Moe = new MoeBlock(config, Parameters);
        _head = index == config.Layers - 1 ? new OutputHead(config, Parameters) : null;
        Parameters.Allocate(seed + index);
        Refresh();
    }

    public int Index { get; }

    public bool IsFirst => _embedding is not null;

    public bool IsLast => _head is not null;

    public ParameterSet Parameters { get; } = new();

    public AttentionBlock Attention { get; }

    public MoeBlock Moe { get; }

    /// <summary>Everything that multiplies with a narrowed weight.</summary>
    public IEnumerable<IProduct> Products =>
        [
            .. Attention.Products,
            .. Moe.Products,
            .. _head is null ? Enumerable.Empty<IProduct>() : [_head.Product],
        ];

    /// <summary>Quantises the weights again; call after every change of them.</summary>
    public void Refresh()
    {
        Attention.Refresh();
        Moe.Refresh();
        _head?.Refresh();
    }

    public Tensor<float> Embed(Arena arena, ReadOnlySpan<int> tokens) =>
        _embedding!.Forward(arena, tokens);

    /// <summary>Attention, then routing; the experts' rows leave.</summary>
    public void BeginForward(LayerActivation a, Tensor<float> x, ThroughputBuffer buffer)
    {
        var hidden = Attention.Forward(a.Attention, a.Arena, x, a.CumulativeLengths);
        Moe.BeginForward(a.Moe, a.Arena, hidden, buffer);
    }

    public void MiddleForward(LayerActivation a, ThroughputBuffer buffer, int expertRank)
    {
        Moe.SharedForward(a.Moe, a.Arena);
        Moe.ExpertsForward(a.Moe, a.Arena, buffer, expertRank);
    }

    /// <summary>Writes the stage's output: hidden rows [T,width], or logits [T,vocabulary] on the last stage.</summary>
    public void EndForward(LayerActivation a, Tensor<float> output)
    {
        var y = Moe.EndForward(a.Moe, a.Arena);
        if (_head is null)
        {
            y.CopyTo(output);
            return;
        }
        a.HeadInput = y;
        _head.Forward(a.Arena, y, out var normed, output);
        a.HeadNormed = normed;
    }

    /// <summary>Head backward if there is one; then the gradients of the experts' results leave.</summary>
    public void BeginBackward(
        LayerActivation a,
        Tensor<float> outputGradient,
        ThroughputBuffer buffer,
        int expertRank,
        DeferredWork deferred
    )
    {
        var dy = _head is null
            ? outputGradient
            : _head.Backward(
                a.Arena,
                a.HeadInput,
                a.HeadNormed,
                outputGradient,
                expertRank,
                deferred
            );
        a.MoeGradients = MoeBlock.BeginBackward(a.Moe, dy, buffer);
    }

    public void MiddleBackward(
        LayerActivation a,
        ThroughputBuffer buffer,
        int expertRank,
        DeferredWork deferred
    )
    {
        Moe.SharedBackward(a.Moe, a.MoeGradients!, a.Arena, expertRank, deferred);
        Moe.ExpertsBackward(a.Moe, a.MoeGradients!, a.Arena, buffer, expertRank, deferred);
    }

    /// <summary>Attention backward. Returns the input gradient; on the first stage it goes into the embedding.</summary>
    public Tensor<float>? EndBackward(LayerActivation a, int expertRank, DeferredWork deferred)
    {
        var dHidden = Moe.EndBackward(a.Moe, a.MoeGradients!, a.Arena, expertRank);
        var dx = Attention.Backward(a.Attention, a.Arena, dHidden, expertRank, deferred);
        if (_embedding is null)
            return dx;
        deferred.Add(() => _embedding.Backward(a.Tokens, dx, expertRank));
        return null;
    }

    /// <summary>Final norm and logits of decoded rows.</summary>
    public Tensor<float> Logits(Arena arena, Tensor<float> x)
    {
        var logits = arena.Rent(x.Shape[0], _config.Vocabulary);
        _head!.Forward(arena, x, out _, logits);
        return logits;
    }

    public void Dispose()
    {
        Attention.Dispose();
        Moe.Dispose();
        _head?.Dispose();
        Parameters.Dispose();
    }
}
