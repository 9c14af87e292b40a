// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.Ep;
using EndToEnd.Model;

namespace EndToEnd.Training;

/// <summary>
/// The same layers without pipeline and without expert parallelism: one thread, one expert rank, micro-batches one
/// after another. What the distributed model must reproduce.
/// </summary>
internal sealed class SingleProcessModel : IDisposable
{
    private readonly ModelConfig _config;
    private readonly ExpertParallelGroup[] _group;
    private readonly ThroughputBuffer _buffer;

    public SingleProcessModel(ModelConfig config, int seed, CpuBackendOptions cpu)
    {
        _config = config with { ExpertRanks = 1 };
        _group = ExpertRanks.CreateGroup(_config);
        _buffer = ExpertRanks.CreateBuffers(_config, _group)[0];
        Layers =
        [
            .. Enumerable
                .Range(0, config.Layers)
                .Select(i => new TransformerLayer(_config, i, seed, cpu)),
        ];
    }

    public IReadOnlyList<TransformerLayer> Layers { get; }

    /// <summary>Forward and backward of one micro-batch; adds to the gradients.</summary>
    /// <param name="chosen">The experts that were chosen, by layer, token and slot.</param>
    /// <returns>The loss in nats.</returns>
    public double Run(int[] tokens, int[] labels, int length, out int[][][] chosen)
    {
        var activations = new LayerActivation[Layers.Count];
        chosen = new int[Layers.Count][][];
        Tensor<float>? x = null;
        for (var l = 0; l < Layers.Count; l++)
        {
            var a = activations[l] = new LayerActivation
            {
                Tokens = tokens,
                CumulativeLengths = Starts(tokens.Length, length),
            };
            x ??= Layers[l].Embed(a.Arena, tokens);
            Layers[l].BeginForward(a, x, _buffer);
            Layers[l].MiddleForward(a, _buffer, expertRank: 0);
            var y = a.Arena.Rent(
                tokens.Length,
                Layers[l].IsLast ? _config.Vocabulary : _config.Width
            );
            Layers[l].EndForward(a, y);
            chosen[l] = Choices(a.Moe.Routing.Chosen);
            x = y;
        }

        var loss = 0.0;
        var gradient = activations[^1].Arena.Rent(tokens.Length, _config.Vocabulary);
        for (var t = 0; t < tokens.Length; t++)
        {
            var row = gradient.AsView().Row(t);
            loss += CrossEntropyLoss.RowLoss(x!.AsView().Row(t), labels[t], row) / tokens.Length;
            row[labels[t]] -= 1;
            VectorMath.Scale(row, row, 1f / tokens.Length);
        }
        for (var l = Layers.Count - 1; l >= 0; l--)
        {
            var deferred = new DeferredWork();
            Layers[l].BeginBackward(activations[l], gradient, _buffer, expertRank: 0, deferred);
            Layers[l].MiddleBackward(activations[l], _buffer, expertRank: 0, deferred);
            var dx = Layers[l].EndBackward(activations[l], expertRank: 0, deferred);
            deferred.Run();
            gradient = dx ?? gradient;
        }
        foreach (var a in activations)
            a.Dispose();
        return loss;
    }

    public void Dispose()
    {
        foreach (var layer in Layers)
            layer.Dispose();
        _buffer.Dispose();
        _group[0].Dispose();
    }

    private static int[][] Choices(Tensor<long> chosen) =>
        [
            .. Enumerable
                .Range(0, (int)chosen.Shape[0])
                .Select(t => chosen.AsView().Row(t).ToArray().Select(e => (int)e).ToArray()),
        ];

    private static Tensor<int> Starts(int tokens, int length)
    {
        var starts = Enumerable.Range(0, tokens / length + 1).Select(i => i * length).ToArray();
        return Tensor<int>.FromSpan(starts, [starts.Length]);
    }
}
