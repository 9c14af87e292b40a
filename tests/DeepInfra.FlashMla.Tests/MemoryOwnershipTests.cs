// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using static DeepInfra.FlashMla.Tests.CacheTestData;

namespace DeepInfra.FlashMla.Tests;

/// <summary>How long objects keep their memory, and outputs that share memory with inputs or with themselves.</summary>
public sealed unsafe class MemoryOwnershipTests
{
    [Fact]
    public void CacheAndBuilder_MadeInTensorScope_WorkAfterIt()
    {
        PagedMlaKvCache cache;
        BlockTableBuilder builder;
        using (new TensorScope())
        {
            cache = Cache(KvCacheFormat.BFloat16, 576);
            builder = new BlockTableBuilder(maxBatch: 1, maxBlocks: 2);
        }
        using var rows = Rows(3, 576);
        var sequence = cache.CreateSequence();

        cache.Extend(sequence, 3);
        cache.Append(0, sequence, 0, rows);
        builder.Build([sequence], newTokens: 1);

        builder.CacheSeqlens.ToArray().Should().Equal(3);
        builder.Dispose();
        cache.Dispose();
    }

    [Fact]
    public void Allocate_InTensorScope_BelongsToTheScope()
    {
        KvBlocks blocks;
        using (new TensorScope())
            blocks = KvBlocks.Allocate(KvCacheFormat.Fp8V32, 2, 3);

        blocks.Data.IsDisposed.Should().BeTrue();
    }

    [Fact]
    public void TryExtend_ClearingFails_GivesTheBlocksBack()
    {
        var cache = new PagedMlaKvCache(
            new()
            {
                BlockCount = 4,
                PageSize = 16,
                Format = KvCacheFormat.BFloat16,
                ClearBlocks = true,
            }
        );
        var sequence = cache.CreateSequence();
        cache.Dispose();

        Expect<ObjectDisposedException>(() => cache.TryExtend(sequence, 20), "*");

        cache.Allocator.UsedBlocks.Should().Be(0);
        sequence.BlockCount.Should().Be(0);
    }

    [Fact]
    public void Gather_RowsAtOneAddress_Throws()
    {
        using var cache = Cache(KvCacheFormat.BFloat16, 576);
        using var row = Rows(1, 576);
        using var repeated = Tensor<float>.Wrap(row.DataPointer, [2, 576], new Strides(0, 1));
        using var slots = Tensor<int>.FromSpan([0, 1], [2]);
        var sequence = cache.CreateSequence();
        cache.Extend(sequence, 2);

        Expect<ArgumentException>(() => cache.Gather(0, slots, repeated), "destination:*");
        Expect<ArgumentException>(() => cache.Gather(0, sequence, 0, repeated), "destination:*");
    }

    [Fact]
    public void MergeInPlace_TargetThatSharesMemory_Throws()
    {
        using var rows = Tensor<float>.Create([3, 1, 4]);
        using var sums = Tensor<float>.Create([3, 1]);
        using var apart = Tensor<float>.Create([2, 1, 4]);
        using var apartSums = Tensor<float>.Create([2, 1]);
        var target = State(rows.AsSlice(0, 0, 2), sums.AsSlice(0, 0, 2));
        using var repeated = Tensor<float>.Wrap(rows.DataPointer, [2, 1, 4], new Strides(0, 4, 1));
        using var within = Tensor<float>.Wrap(rows.DataPointer, [2, 1]);

        (AttentionState Target, AttentionState Other)[] refused =
        [
            (target, State(rows.AsSlice(0, 1, 2), apartSums)),
            (target, State(apart, sums.AsSlice(0, 1, 2))),
            (State(repeated, apartSums), State(apart, sums.AsSlice(0, 1, 2))),
            (State(rows.AsSlice(0, 0, 2), within), State(apart, apartSums)),
        ];

        foreach (var (into, other) in refused)
            Expect<ArgumentException>(() => AttentionStates.MergeInPlace(into, other), "target*");
        AttentionStates.MergeInPlace(target, State(apart, apartSums));

        static AttentionState State(Tensor output, Tensor<float> sums) =>
            new(output, sums, LogSumExpBase.Natural);
    }

    [Fact]
    public void FromLogical_OutputThatSharesMemory_Throws()
    {
        using var memory = Tensor<int>.Create([1, 1, 5]);
        using var table = Tensor<int>.FromSpan([0], [1, 1]);
        using var one = Tensor<int>.Create([1]);
        using var repeated = Tensor<int>.Wrap(one.DataPointer, [1, 1, 4], new Strides(0, 0, 0));
        using var overTable = Tensor<int>.Wrap(table.DataPointer, [1, 1, 1]);
        var logical = memory.AsSlice(2, 0, 4);

        Expect<ArgumentException>(
            () => SparseIndices.FromLogical(logical, table, 16, memory.AsSlice(2, 1, 4)),
            "output:*"
        );
        Expect<ArgumentException>(
            () => SparseIndices.FromLogical(logical, table, 16, repeated),
            "output:*"
        );
        Expect<ArgumentException>(
            () => SparseIndices.FromLogical(logical.AsSlice(2, 0, 1), table, 16, overTable),
            "output:*"
        );
        SparseIndices.FromLogical(logical, table, 16, logical).Should().BeSameAs(logical);
    }

    [Fact]
    public void FromLogical_BadPosition_WritesNothing()
    {
        using var positions = Tensor<int>.FromSpan([3, 99], [1, 1, 2]);
        using var table = Tensor<int>.FromSpan([5], [1, 1]);

        Expect<ArgumentException>(
            () => SparseIndices.FromLogical(positions, table, 16, positions),
            "logical[0,0,1]:*"
        );

        positions.ToArray().Should().Equal(3, 99);
    }

    [Fact]
    public void Quantizer_RowsThatShareMemory_Throws()
    {
        var cache = KvBlocks.Allocate(KvCacheFormat.BFloat16, 2, 3);
        using var row = Tensor<float>.Create([576]);
        using var repeated = Tensor<float>.Wrap(
            row.DataPointer,
            [2, 3, 1, 576],
            new Strides(0, 0, 0, 1)
        );

        Expect<ArgumentException>(
            () => MlaKvQuantizer.Quantize(cache.Data, cache),
            "destination:*"
        );
        Expect<ArgumentException>(
            () => MlaKvQuantizer.Dequantize(cache, cache.Data),
            "destination:*"
        );
        Expect<ArgumentException>(
            () => MlaKvQuantizer.Dequantize(cache, repeated),
            "destination:*"
        );
        MlaKvQuantizer.Quantize(repeated, cache);
        cache.Data.Dispose();
    }

    [Fact]
    public void AbsorbQuery_NoLatentColumns_CopiesTheRest()
    {
        using var q = Tensor<float>.FromSpan([1, 2, 3], [1, 1, 3]);
        using var upKey = Tensor<float>.Create([1, 2, 0]);
        using var output = Tensor<float>.Create([1, 1, 1]);

        MlaProjections.AbsorbQuery(q, upKey, output);

        output[0, 0, 0].Should().Be(3);
    }
}
