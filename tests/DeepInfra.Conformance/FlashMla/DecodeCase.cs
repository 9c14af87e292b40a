// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.FlashMla;
using DeepInfra.Testing;

namespace DeepInfra.Conformance.FlashMla;

/// <summary>
/// A random decode problem made as hostile as the contract allows: every cache slot that no request uses holds NaN, blocks
/// are in random order, block-table tails hold garbage, queries and outputs are slices of larger tensors.
/// </summary>
public sealed class DecodeCase : IDisposable
{
    // Every tier solves the same problems; the slow reference runs once for each.
    private static readonly ConcurrentDictionary<
        string,
        Lazy<(Tensor<double> Out, Tensor<double> LogSumExp)>
    > s_references = new();

    private readonly List<Tensor> _owned = [];

    public int Batch { get; init; } = 2;
    public int QueryTokens { get; init; } = 1;
    public int MeanLength { get; init; } = 140;
    public int QueryHeads { get; init; } = 4;
    public int KvHeads { get; init; } = 1;
    public int HeadDim { get; init; } = 576;
    public int ValueDim { get; init; } = 512;
    public int PageSize { get; init; } = 64;
    public bool Varlen { get; init; }
    public bool Causal { get; init; }
    public KvCacheFormat Format { get; init; }
    public DType QueryType { get; init; } = DType.BFloat16;
    public DType OutType { get; init; } = DType.Float32;
    public float? Scale { get; init; }
    public float Magnitude { get; init; } = 0.1f;
    public int[]? Lengths { get; init; }
    public SplitPolicy Policy { get; init; }
    public int FixedSplitSize { get; init; } = 512;
    public KvScaleFormat ScaleFormat { get; init; }

    /// <summary>What slots that no request uses hold; only NaN fits FP8 formats.</summary>
    public float Poison { get; init; } = float.NaN;
    public int Seed { get; init; } = 1;

    public Tensor Query { get; private set; } = null!;
    public KvBlocks Cache { get; private set; }
    public Tensor<int> BlockTable { get; private set; } = null!;
    public Tensor<int> CacheSeqlens { get; private set; } = null!;

    public float ResolvedScale => Scale ?? (float)(1 / Math.Sqrt(HeadDim));

    public MlaDecodeOptions Options(CpuBackendOptions cpu) =>
        new()
        {
            Shape = new MlaShape(QueryHeads, KvHeads, HeadDim, ValueDim),
            QueryTokens = QueryTokens,
            MaxBatch = Batch,
            PageSize = PageSize,
            Format = Format,
            Causal = Causal,
            SoftmaxScale = Scale,
            SplitPolicy = Policy,
            FixedSplitSize = FixedSplitSize,
            Cpu = cpu,
        };

    public DecodeCase Build()
    {
        var random = new DeterministicRandom((ulong)Seed);
        var lengths = Lengths ?? MakeLengths(random);
        var needed = lengths.Select(n => (n + PageSize - 1) / PageSize).ToArray();
        var blocks = needed.Sum() + 3;
        var columns = Math.Max(1, needed.DefaultIfEmpty(0).Max()) + 2;
        CacheSeqlens = Own(Tensor<int>.FromSpan(lengths, [Batch]));
        BlockTable = Own(Tensor<int>.Create([Batch, columns]));
        BlockTable.Fill(2_147_480_000);
        var order = random.Permutation(blocks);
        var next = 0;
        for (var i = 0; i < Batch; i++)
        for (var j = 0; j < needed[i]; j++)
            BlockTable[i, j] = order[next++];

        var plain = RandomRows(random, blocks);
        for (var i = 0; i < Batch; i++)
            PoisonFrom(plain, i, lengths[i]);
        for (; next < blocks; next++)
            plain.AsSelected(0, order[next]).Fill((BFloat16)Poison);
        Cache = MakeCache(plain, blocks);

        // Head rows are every second row of a wider tensor, so no axis but the last is contiguous.
        var wide = Own(
            Tensor.Create(QueryType, [Batch, QueryTokens, QueryHeads * 2L, HeadDim + 32])
        );
        FillRandom(wide, random, QueryHeads);
        Query = Own(wide.AsSlice(2, QueryHeads, QueryHeads).AsSlice(3, 0, HeadDim));
        return this;
    }

    /// <summary>An output whose rows lie apart, prefilled with garbage.</summary>
    public Tensor Output()
    {
        var wide = Own(
            Tensor.Create(OutType, [Batch, QueryTokens, QueryHeads + 1L, ValueDim + 16])
        );
        return Own(wide.AsSlice(2, 1, QueryHeads).AsSlice(3, 0, ValueDim));
    }

    /// <summary>The reference result; shared, not to be disposed.</summary>
    /// <param name="fresh">True if the problem was changed after it was built.</param>
    public (Tensor<double> Out, Tensor<double> LogSumExp) Reference(bool fresh = false) =>
        fresh
            ? Solve()
            : s_references
                .GetOrAdd(Key(), _ => new Lazy<(Tensor<double>, Tensor<double>)>(Solve))
                .Value;

    public void Dispose()
    {
        foreach (var tensor in _owned)
            tensor.Dispose();
    }

    private (Tensor<double> Out, Tensor<double> LogSumExp) Solve() =>
        MlaReference.Decode(
            Query,
            Cache,
            BlockTable,
            CacheSeqlens,
            ValueDim,
            ResolvedScale,
            Causal
        );

    private string Key() =>
        string.Join(
            '|',
            Batch,
            QueryTokens,
            MeanLength,
            QueryHeads,
            KvHeads,
            HeadDim,
            ValueDim,
            PageSize,
            Varlen,
            Causal,
            Format,
            QueryType,
            Scale,
            Magnitude,
            ScaleFormat,
            Lengths is null ? "" : string.Join(',', Lengths),
            Seed
        );

    private T Own<T>(T tensor)
        where T : Tensor
    {
        _owned.Add(tensor);
        return tensor;
    }

    private int[] MakeLengths(DeterministicRandom random) =>
        Enumerable
            .Range(0, Batch)
            .Select(_ =>
                Varlen
                    ? Math.Max(
                        QueryTokens,
                        (int)(MeanLength + MeanLength / 2.0 * random.NextNormal())
                    )
                    : MeanLength
            )
            .ToArray();

    private Tensor<BFloat16> RandomRows(DeterministicRandom random, int blocks)
    {
        var rows = Own(
            Tensor<BFloat16>.Create([blocks, PageSize, KvHeads, HeadDim], zeroed: false)
        );
        var span = rows.AsSpan();
        for (var i = 0; i < span.Length; i++)
            span[i] = (BFloat16)Clipped(random);
        return rows;
    }

    /// <summary>Overwrites the slots behind a request's last token.</summary>
    private void PoisonFrom(Tensor<BFloat16> rows, int request, int length)
    {
        if (length % PageSize == 0)
            return;
        var block = rows.AsSelected(0, BlockTable[request, length / PageSize]);
        var used = length % PageSize;
        block.AsSlice(0, used, PageSize - used).Fill((BFloat16)Poison);
    }

    private KvBlocks MakeCache(Tensor<BFloat16> plain, int blocks)
    {
        switch (Format)
        {
            case KvCacheFormat.BFloat16:
            {
                var wide = Own(
                    Tensor<BFloat16>.Create([blocks, PageSize + 1, KvHeads, HeadDim + 8])
                );
                var view = Own(wide.AsSlice(1, 0, PageSize).AsSlice(3, 0, HeadDim));
                plain.CopyTo(view);
                return new KvBlocks(view, Format);
            }
            case KvCacheFormat.Float16:
            {
                var half = Own(Tensor<Half>.Create(plain.Shape));
                for (var i = 0; i < plain.AsSpan().Length; i++)
                    half.AsSpan()[i] = (Half)(float)plain.AsSpan()[i];
                return new KvBlocks(half, Format);
            }
            default:
            {
                var cache = Format == KvCacheFormat.Fp8V32 ? SpacedV32(blocks) : Model1(blocks);
                MlaKvQuantizer.Quantize(plain, cache, ScaleFormat);
                return cache;
            }
        }
    }

    private KvBlocks Model1(int blocks)
    {
        var cache = KvBlocks.Allocate(Format, blocks, PageSize);
        Own(cache.Data);
        return cache;
    }

    /// <summary>Blocks with one spare row each, full of NaN codes.</summary>
    private KvBlocks SpacedV32(int blocks)
    {
        var wide = Own(Tensor<byte>.Create([blocks, PageSize + 1, 1, 656]));
        wide.Fill((byte)0xFF);
        return new KvBlocks(Own(wide.AsSlice(1, 0, PageSize)), Format);
    }

    private void FillRandom(Tensor tensor, DeterministicRandom random, int firstHead)
    {
        for (long i = 0; i < tensor.Shape[0]; i++)
        for (long s = 0; s < tensor.Shape[1]; s++)
        for (long h = firstHead; h < tensor.Shape[2]; h++)
            switch (tensor)
            {
                case Tensor<float> t:
                    foreach (ref var x in t.AsView().Row(i, s, h))
                        x = Clipped(random);
                    break;
                case Tensor<BFloat16> t:
                    foreach (ref var x in t.AsView().Row(i, s, h))
                        x = (BFloat16)Clipped(random);
                    break;
                case Tensor<Half> t:
                    foreach (ref var x in t.AsView().Row(i, s, h))
                        x = (Half)Clipped(random);
                    break;
            }
    }

    private float Clipped(DeterministicRandom random) =>
        Math.Clamp((float)random.NextNormal() * Magnitude, -10 * Magnitude, 10 * Magnitude);
}
