// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Numerics;

namespace EndToEnd.Model;

/// <summary>
/// The received rows grouped by local expert, as the grouped GEMM wants them: each expert's rows are
/// contiguous and start at a multiple of the alignment; gaps are zero rows.
/// </summary>
internal sealed class ExpertRows : IDisposable
{
    /// <summary>128: the block of the scales, so that a group's weight gradient never mixes two experts.</summary>
    public const int Alignment = 128;

    private readonly int[] _source;
    private readonly int[] _slot;

    /// <param name="received">[N,K] local expert ids, -1 elsewhere.</param>
    /// <param name="localExperts">Number of experts on this rank.</param>
    public ExpertRows(Tensor<long> received, int localExperts)
    {
        var ids = received.AsSpan();
        var slots = (int)received.Shape[1];
        Span<int> counts = stackalloc int[localExperts];
        counts.Clear();
        foreach (var id in ids)
            if (id >= 0)
                counts[(int)id]++;

        Ends = Tensor<int>.Create([localExperts]);
        Groups = new (int Start, int Count)[localExperts];
        var start = 0;
        for (var e = 0; e < localExperts; e++)
        {
            Groups[e] = (start, counts[e]);
            Ends.AsSpan()[e] = start + counts[e];
            start += (counts[e] + Alignment - 1) / Alignment * Alignment;
        }
        RowCount = start;

        _source = new int[start];
        _slot = new int[start];
        Array.Fill(_source, -1);
        Span<int> next = stackalloc int[localExperts];
        for (var e = 0; e < localExperts; e++)
            next[e] = Groups[e].Start;
        for (var i = 0; i < ids.Length; i++)
        {
            if (ids[i] < 0)
                continue;
            var row = next[(int)ids[i]]++;
            _source[row] = i / slots;
            _slot[row] = i % slots;
        }
    }

    /// <summary>[L] exclusive end row of each expert: the prefix-sum layout.</summary>
    public Tensor<int> Ends { get; }

    /// <summary>Start and row count of each expert.</summary>
    public (int Start, int Count)[] Groups { get; }

    /// <summary>Rows with gaps; a multiple of <see cref="Alignment"/>.</summary>
    public int RowCount { get; }

    /// <summary>Copies received rows into expert order; gap rows become zero.</summary>
    public void Gather(Tensor<float> received, Tensor<float> grouped)
    {
        for (var row = 0; row < RowCount; row++)
        {
            var target = grouped.AsView().Row(row);
            if (_source[row] < 0)
                target.Clear();
            else
                received.AsView().Row(_source[row]).CopyTo(target);
        }
    }

    /// <summary>Copies received rows into expert order; gap rows become zero.</summary>
    public void Gather(Tensor<BFloat16> received, Tensor<float> grouped)
    {
        for (var row = 0; row < RowCount; row++)
        {
            var target = grouped.AsView().Row(row);
            if (_source[row] < 0)
                target.Clear();
            else
                NumberConvert.Widen(received.AsView().Row(_source[row]), target);
        }
    }

    /// <summary>received[i] = sum over its experts of weight * grouped row.</summary>
    public void ScatterWeighted(
        Tensor<float> grouped,
        Tensor<float> weights,
        Tensor<float> received
    )
    {
        received.AsSpan().Clear();
        for (var row = 0; row < RowCount; row++)
            if (_source[row] is var source and >= 0)
                VectorMath.AddScaled(
                    received.AsView().Row(source),
                    grouped.AsView().Row(row),
                    weights[source, _slot[row]]
                );
    }

    /// <summary>Sums grouped rows into their received rows.</summary>
    public void Scatter(Tensor<float> grouped, Tensor<float> received)
    {
        received.AsSpan().Clear();
        for (var row = 0; row < RowCount; row++)
            if (_source[row] is var source and >= 0)
                VectorMath.Add(received.AsView().Row(source), grouped.AsView().Row(row));
    }

    /// <summary>
    /// Backward of <see cref="ScatterWeighted"/>: turns gathered output gradients into gradients of the expert outputs
    /// (in place) and writes the gradient of every routing weight.
    /// </summary>
    public void WeightGradients(
        Tensor<float> gradients,
        Tensor<float> outputs,
        Tensor<float> weights,
        Tensor<float> weightGradients
    )
    {
        weightGradients.AsSpan().Clear();
        for (var row = 0; row < RowCount; row++)
        {
            if (_source[row] is not (var source and >= 0))
                continue;
            var gradient = gradients.AsView().Row(row);
            weightGradients[source, _slot[row]] = VectorMath.Dot(
                gradient,
                outputs.AsView().Row(row)
            );
            VectorMath.Scale(gradient, gradient, weights[source, _slot[row]]);
        }
    }

    public void Dispose() => Ends.Dispose();
}
