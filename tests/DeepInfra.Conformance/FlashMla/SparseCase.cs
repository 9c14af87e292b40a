// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.FlashMla;
using DeepInfra.Testing;

namespace DeepInfra.Conformance.FlashMla;

/// <summary>A random sparse decode problem. Slots that no list names hold NaN; entries behind the length name such slots.</summary>
public sealed class SparseCase : IDisposable
{
    private static readonly int[] s_invalid =
    [
        int.MinValue,
        -123_456,
        -1,
        114_514_000,
        1_919_810_000,
        2_147_480_000,
        int.MaxValue,
    ];

    private readonly List<Tensor> _owned = [];

    public int Batch { get; init; } = 2;
    public int QueryTokens { get; init; } = 1;
    public int Heads { get; init; } = 4;
    public int HeadDim { get; init; } = 576;
    public int Slots { get; init; } = 300;
    public int TopK { get; init; } = 64;
    public int PageSize { get; init; } = 64;
    public int ExtraTopK { get; init; }
    public int ExtraPageSize { get; init; } = 64;
    public bool Lengths { get; init; }
    public bool ExtraLengths { get; init; }
    public bool Sink { get; init; }
    public bool AllInvalid { get; init; }
    public KvCacheFormat Format { get; init; } = KvCacheFormat.Fp8V32;
    public KvScaleFormat ScaleFormat { get; init; }
    public SplitPolicy Policy { get; init; }
    public LogSumExpBase Base { get; init; }
    public EmptyLogSumExp Empty { get; init; }
    public int Seed { get; init; } = 1;

    public Tensor<BFloat16> Query { get; private set; } = null!;
    public SparseScope Scope { get; private set; }
    public SparseScope? ExtraScope { get; private set; }
    public Tensor<float>? AttnSink { get; private set; }

    public float Scale => (float)Math.Pow(HeadDim, -0.55);

    public SparseCase Build()
    {
        var random = new DeterministicRandom((ulong)Seed);
        Scope = MakeScope(random, TopK, PageSize, Lengths);
        if (ExtraTopK > 0)
            ExtraScope = MakeScope(random, ExtraTopK, ExtraPageSize, ExtraLengths);
        Query = Own(Tensor<BFloat16>.Create([Batch, QueryTokens, Heads, HeadDim]));
        foreach (ref var x in Query.AsSpan())
            x = (BFloat16)(float)Math.Clamp(random.NextNormal(), -1, 1);
        if (!Sink)
            return this;
        AttnSink = Own(Tensor<float>.Create([Heads]));
        foreach (ref var x in AttnSink.AsSpan())
            x = random.NextInt32(3) switch
            {
                0 => float.PositiveInfinity,
                1 => float.NegativeInfinity,
                _ => (float)random.NextNormal(),
            };
        return this;
    }

    public AttentionState Run(CpuBackendOptions cpu)
    {
        using var plan = MlaDecodePlan.Create(
            Device.Cpu,
            new()
            {
                Shape = new MlaShape(Heads, 1, HeadDim, 512),
                QueryTokens = QueryTokens,
                MaxBatch = Batch,
                PageSize = PageSize,
                Format = Format,
                TopK = TopK,
                ExtraTopK = ExtraTopK,
                ExtraPageSize = ExtraPageSize,
                SoftmaxScale = Scale,
                SplitPolicy = Policy,
                LogSumExpBase = Base,
                EmptyLogSumExp = Empty,
                Cpu = cpu,
            }
        );
        plan.UpdateSparse(Batch, Scope.Lengths, ExtraScope?.Lengths);
        var output = Own(Tensor<float>.Create([Batch, QueryTokens, Heads, 512]));
        return MlaAttention.DecodeSparse(plan, Query, Scope, ExtraScope, AttnSink, output);
    }

    public void Check(CpuBackendOptions cpu)
    {
        var state = Run(cpu);
        var (output, lse) = MlaReference.DecodeSparse(
            Query,
            Scope,
            ExtraScope,
            AttnSink,
            512,
            Scale
        );
        MlaCompare.Check(state.Out, output, Tolerances.FlashMla.Cpu, "out");
        MlaCompare.Check(state.LogSumExp, lse, Tolerances.FlashMla.CpuLogSumExp, "lse");
    }

    public void Dispose()
    {
        foreach (var tensor in _owned)
            tensor.Dispose();
    }

    private T Own<T>(T tensor)
        where T : Tensor
    {
        _owned.Add(tensor);
        return tensor;
    }

    private SparseScope MakeScope(DeterministicRandom random, int topK, int page, bool withLengths)
    {
        var blocks = (Slots + page - 1) / page;
        var slots = blocks * page;
        var indices = Own(Tensor<int>.Create([Batch, QueryTokens, topK]));
        Tensor<int>? lengths = null;
        if (withLengths)
        {
            lengths = Own(Tensor<int>.Create([Batch]));
            foreach (ref var x in lengths.AsSpan())
                x = random.NextInt32(topK + 1);
        }
        var used = new bool[slots];
        for (var b = 0; b < Batch; b++)
        for (var s = 0; s < QueryTokens; s++)
        for (var i = 0; i < topK; i++)
        {
            // The upper half of the slots is never valid: entries behind the length point there.
            var behind = lengths is not null && i >= lengths[b];
            var index =
                behind ? slots / 2 + random.NextInt32(slots - slots / 2)
                : AllInvalid || random.NextInt32(8) == 0
                    ? s_invalid[random.NextInt32(s_invalid.Length)]
                : random.NextInt32(slots / 2);
            indices[b, s, i] = index;
            if (!behind && index >= 0 && index < slots)
                used[index] = true;
        }
        using var plain = Tensor<BFloat16>.Create([blocks, page, 1, HeadDim]);
        for (var slot = 0; slot < slots; slot++)
            foreach (ref var x in plain.AsView().Row(slot / page, slot % page, 0))
                x = used[slot]
                    ? (BFloat16)(float)Math.Clamp(random.NextNormal() / 10, -1, 1)
                    : (BFloat16)float.NaN;
        var cache = KvBlocks.Allocate(Format, blocks, page, headDim: HeadDim);
        Own(cache.Data);
        MlaKvQuantizer.Quantize(plain, cache, ScaleFormat);
        return new SparseScope(cache, indices, lengths);
    }
}
