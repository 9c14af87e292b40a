// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.FlashMla;
using DeepInfra.Testing;

namespace DeepInfra.Conformance.FlashMla;

/// <summary>A random prefill problem with strided inputs.</summary>
public sealed class PrefillCase : IDisposable
{
    private readonly List<Tensor> _owned = [];
    private readonly DeterministicRandom _random = new(5);
    private readonly int _maxQ;
    private readonly int _maxK;

    public PrefillCase(
        int[] queries,
        int[] keys,
        int heads,
        int kvHeads,
        int headDim,
        int valueDim,
        DType type
    )
    {
        QueryOffsets = Offsets(queries);
        KeyOffsets = Offsets(keys);
        _maxQ = queries.DefaultIfEmpty(0).Max();
        _maxK = keys.DefaultIfEmpty(0).Max();
        Query = Rows(type, queries.Sum(), heads, headDim);
        Key = Rows(type, keys.Sum(), kvHeads, headDim);
        Value = Rows(type, keys.Sum(), kvHeads, valueDim);
        GradOut = Rows(type, queries.Sum(), heads, valueDim);
        Scale = (float)Math.Pow(headDim + 100, -0.5);
    }

    public Tensor<int> QueryOffsets { get; }
    public Tensor<int> KeyOffsets { get; }
    public Tensor Query { get; }
    public Tensor Key { get; }
    public Tensor Value { get; }
    public Tensor GradOut { get; }
    public float Scale { get; init; }

    public (AttentionState State, PrefillGradients Gradients) Run(
        CpuBackendOptions cpu,
        bool causal
    )
    {
        var state = Forward(cpu, causal);
        var gradients = MlaAttention.PrefillDenseBackward(
            GradOut,
            Query,
            Key,
            Value,
            state.Out,
            state.LogSumExp,
            QueryOffsets,
            KeyOffsets,
            _maxQ,
            _maxK,
            causal,
            Scale,
            cpu: cpu
        );
        return (state, gradients);
    }

    public void CheckForward(CpuBackendOptions cpu, bool causal, Tolerance tolerance)
    {
        var state = Forward(cpu, causal);
        var (output, lse) = MlaReference.PrefillDense(
            Query,
            Key,
            Value,
            QueryOffsets,
            KeyOffsets,
            causal,
            Scale
        );
        MlaCompare.Check(state.Out, output, tolerance, "out");
        MlaCompare.Check(state.LogSumExp, lse, Tolerances.FlashMla.CpuLogSumExp, "lse");
    }

    public void CheckBackward(CpuBackendOptions cpu, bool causal, Tolerance tolerance)
    {
        var (_, actual) = Run(cpu, causal);
        var (query, key, value) = MlaReference.PrefillDenseBackward(
            GradOut,
            Query,
            Key,
            Value,
            QueryOffsets,
            KeyOffsets,
            causal,
            Scale
        );
        MlaCompare.Check(actual.Query, query, tolerance, "dq");
        MlaCompare.Check(actual.Key, key, tolerance, "dk");
        MlaCompare.Check(actual.Value, value, tolerance, "dv");
    }

    public void Dispose()
    {
        foreach (var tensor in _owned)
            tensor.Dispose();
    }

    private AttentionState Forward(CpuBackendOptions cpu, bool causal) =>
        MlaAttention.PrefillDense(
            Query,
            Key,
            Value,
            QueryOffsets,
            KeyOffsets,
            _maxQ,
            _maxK,
            causal,
            Scale,
            cpu: cpu
        );

    private Tensor<int> Offsets(int[] lengths)
    {
        var offsets = new int[lengths.Length + 1];
        for (var i = 0; i < lengths.Length; i++)
            offsets[i + 1] = offsets[i] + lengths[i];
        var tensor = Tensor<int>.FromSpan(offsets, [offsets.Length]);
        _owned.Add(tensor);
        return tensor;
    }

    private Tensor Rows(DType type, int tokens, int heads, int columns)
    {
        var wide = Tensor.Create(type, [tokens, heads + 1, columns + 3]);
        var view = wide.AsSlice(1, 1, heads).AsSlice(2, 0, columns);
        _owned.Add(wide);
        _owned.Add(view);
        for (long t = 0; t < tokens; t++)
        for (long h = 0; h < heads; h++)
            Fill(view, t, h);
        return view;
    }

    private void Fill(Tensor view, long token, long head)
    {
        switch (view)
        {
            case Tensor<float> x:
                _random.FillUniform(x.AsView().Row(token, head));
                break;
            case Tensor<BFloat16> x:
                _random.FillUniform(x.AsView().Row(token, head));
                break;
            case Tensor<Half> x:
                _random.FillUniform(x.AsView().Row(token, head));
                break;
        }
    }
}
