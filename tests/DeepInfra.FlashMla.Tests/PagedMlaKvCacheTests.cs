// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla.Tests;

public sealed class PagedMlaKvCacheTests
{
    [Theory]
    [InlineData(KvCacheFormat.BFloat16, 576, 0.01f)]
    [InlineData(KvCacheFormat.Float16, 576, 0.01f)]
    [InlineData(KvCacheFormat.Fp8V32, 576, 0.07f)]
    [InlineData(KvCacheFormat.Fp8Model1, 512, 0.07f)]
    public void AppendAndGather_Sequence_RoundTrips(KvCacheFormat format, int dim, float tolerance)
    {
        using var cache = Cache(format, dim, layers: 2);
        using var rows = Rows(37, dim);
        using var back = Tensor<float>.Create([37, dim]);
        var sequence = cache.CreateSequence();
        cache.Extend(sequence, 40);

        cache.Append(1, sequence, 2, rows);
        cache.Gather(1, sequence, 2, back);

        for (var t = 0; t < 37; t++)
        for (var c = 0; c < dim; c++)
            back[t, c].Should().BeApproximately(rows[t, c], tolerance);
        using var other = Tensor<float>.Create([37, dim]);
        cache.Gather(0, sequence, 2, other);
        other.ToArray().Should().OnlyContain(x => x == 0);
    }

    [Theory]
    [InlineData(KvCacheFormat.BFloat16, 576, 512)]
    [InlineData(KvCacheFormat.Fp8V32, 576, 512)]
    [InlineData(KvCacheFormat.Fp8Model1, 512, 448)]
    public void Append_SeparateParts_StoresTheSameBytesAsPacked(
        KvCacheFormat format,
        int dim,
        int latent
    )
    {
        using var packed = Cache(format, dim);
        using var split = Cache(format, dim);
        using var rows = Rows(10, dim);
        using var slots = Tensor<int>.FromSpan([5, 4, -1, 3, 2, 1, 0, 31, 30, 29], [10]);

        packed.Extend(packed.CreateSequence(), 64);
        split.Extend(split.CreateSequence(), 64);
        packed.Append(0, slots, rows);
        split.Append(0, slots, rows.AsSlice(1, 0, latent), rows.AsSlice(1, latent, dim - latent));

        for (var block = 0; block < packed.BlockCount; block++)
            Bytes(split, block).Should().Equal(Bytes(packed, block));
    }

    [Fact]
    public void Append_SlotMinusOne_IsSkippedAndGathersZeros()
    {
        using var cache = Cache(KvCacheFormat.Fp8V32, 576);
        using var rows = Rows(2, 576);
        using var slots = Tensor<int>.FromSpan([-1, 7], [2]);
        using var back = Tensor<float>.Create([2, 576]);
        back.Fill(9);

        cache.Append(0, slots, rows);
        cache.Gather(0, slots, back);

        back.AsSelected(0, 0).ToArray().Should().OnlyContain(x => x == 0);
        back[1, 3].Should().NotBe(0);
    }

    [Fact]
    public void Append_SeveralKvHeads_KeepsThemApart()
    {
        using var cache = new PagedMlaKvCache(
            new()
            {
                BlockCount = 2,
                PageSize = 4,
                KvHeads = 3,
                HeadDim = 8,
            }
        );
        using var rows = Tensor<float>.Create([5, 3, 8]);
        for (var i = 0; i < rows.ElementCount; i++)
            rows.AsSpan()[i] = i;
        using var back = Tensor<float>.Create([5, 3, 8]);
        var sequence = cache.CreateSequence();
        cache.Extend(sequence, 5);

        cache.Append(0, sequence, 0, rows);
        cache.Gather(0, sequence, 0, back);

        back.ToArray().Should().Equal(rows.ToArray());
    }

    [Fact]
    public void Extend_NewBlocks_AreClearedOfTheirFormerContents()
    {
        using var cache = Cache(KvCacheFormat.BFloat16, 576, blocks: 1);
        using var poison = Tensor<BFloat16>.Create([16, 576]);
        poison.Fill((BFloat16)float.NaN);
        using var back = Tensor<float>.Create([16, 576]);
        var first = cache.CreateSequence();
        cache.Extend(first, 16);
        cache.Append(0, first, 0, poison);
        cache.Free(first);

        var second = cache.CreateSequence();
        cache.Extend(second, 16);
        cache.Gather(0, second, 0, back);

        back.ToArray().Should().OnlyContain(x => x == 0);
    }

    [Fact]
    public void Fork_ThenExtend_CopiesOnlyTheSharedLastBlock()
    {
        using var cache = Cache(KvCacheFormat.BFloat16, 576, blocks: 4, layers: 2);
        using var rows = Rows(20, 576);
        using var more = Rows(1, 576, seed: 9);
        using var parentBack = Tensor<float>.Create([20, 576]);
        using var childBack = Tensor<float>.Create([21, 576]);
        var parent = cache.CreateSequence();
        cache.Extend(parent, 20);
        cache.Append(0, parent, 0, rows);
        cache.Append(1, parent, 0, rows);

        var child = cache.Fork(parent);
        cache.Allocator.UsedBlocks.Should().Be(2);
        cache.Extend(child, 1);
        cache.Append(0, child, 20, more);
        cache.Append(1, child, 20, more);

        cache.Allocator.UsedBlocks.Should().Be(3);
        child.Blocks[0].Should().Be(parent.Blocks[0]);
        child.Blocks[1].Should().NotBe(parent.Blocks[1]);
        cache.Gather(1, parent, 0, parentBack);
        cache.Gather(1, child, 0, childBack);
        childBack.AsSlice(0, 0, 20).ToArray().Should().Equal(parentBack.ToArray());
        cache.Free(parent);
        cache.Free(child);
        cache.Allocator.UsedBlocks.Should().Be(0);
    }

    [Fact]
    public void Fork_AtABlockBorder_CopiesNothing()
    {
        using var cache = Cache(KvCacheFormat.BFloat16, 576, blocks: 3);
        var parent = cache.CreateSequence();
        cache.Extend(parent, 16);

        var child = cache.Fork(parent);
        cache.Extend(child, 1);

        cache.Allocator.UsedBlocks.Should().Be(2);
        cache.Allocator.ReferenceCount(parent.Blocks[0]).Should().Be(2);
    }

    [Fact]
    public void Append_IntoASharedBlock_Throws()
    {
        using var cache = Cache(KvCacheFormat.BFloat16, 576);
        using var rows = Rows(1, 576);
        var parent = cache.CreateSequence();
        cache.Extend(parent, 3);
        cache.Fork(parent);

        FluentActions
            .Invoking(() => cache.Append(0, parent, 2, rows))
            .Should()
            .Throw<BlockOwnershipException>()
            .WithMessage("*shares*");
    }

    [Fact]
    public void Truncate_RollsBackAndFreesBlocks()
    {
        using var cache = Cache(KvCacheFormat.BFloat16, 576);
        var sequence = cache.CreateSequence();
        cache.Extend(sequence, 33);
        sequence.BlockCount.Should().Be(3);

        cache.Truncate(sequence, 16);

        sequence.Length.Should().Be(16);
        sequence.BlockCount.Should().Be(1);
        cache.Allocator.UsedBlocks.Should().Be(1);
        FluentActions
            .Invoking(() => cache.Truncate(sequence, 17))
            .Should()
            .Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void Truncate_IntoASharedBlock_MakesTheNextExtendCopy()
    {
        using var cache = Cache(KvCacheFormat.BFloat16, 576);
        var parent = cache.CreateSequence();
        cache.Extend(parent, 16);
        var child = cache.Fork(parent);

        cache.Truncate(child, 10);
        cache.Extend(child, 1);

        child.Blocks[0].Should().NotBe(parent.Blocks[0]);
        cache.Allocator.ReferenceCount(parent.Blocks[0]).Should().Be(1);
    }

    [Fact]
    public void TryExtend_WithoutRoom_ChangesNothing()
    {
        using var cache = Cache(KvCacheFormat.BFloat16, 576, blocks: 2);
        var sequence = cache.CreateSequence();

        cache.TryExtend(sequence, 33).Should().BeFalse();

        sequence.Length.Should().Be(0);
        sequence.BlockCount.Should().Be(0);
        cache.Allocator.FreeBlocks.Should().Be(2);
        FluentActions
            .Invoking(() => cache.Extend(sequence, 33))
            .Should()
            .Throw<KvCacheFullException>()
            .WithMessage("*2 of 2 blocks*");
    }

    [Fact]
    public void TryReserve_ThenExtend_UsesTheReservation()
    {
        using var cache = Cache(KvCacheFormat.BFloat16, 576, blocks: 2);
        var sequence = cache.CreateSequence();

        cache.TryReserve(sequence, 30).Should().BeTrue();
        sequence.Length.Should().Be(0);
        sequence.BlockCount.Should().Be(2);
        cache.TryExtend(sequence, 30).Should().BeTrue();

        cache.Allocator.UsedBlocks.Should().Be(2);
    }

    [Fact]
    public void Free_TwiceOrForeign_Throws()
    {
        using var cache = Cache(KvCacheFormat.BFloat16, 576);
        using var other = Cache(KvCacheFormat.BFloat16, 576);
        var sequence = cache.CreateSequence();
        cache.Free(sequence);

        FluentActions
            .Invoking(() => cache.Free(sequence))
            .Should()
            .Throw<BlockOwnershipException>()
            .WithMessage("*was freed*");
        FluentActions
            .Invoking(() => other.Extend(cache.CreateSequence(), 1))
            .Should()
            .Throw<BlockOwnershipException>()
            .WithMessage("*another cache*");
    }

    [Theory]
    [InlineData(KvCacheFormat.BFloat16, 576)]
    [InlineData(KvCacheFormat.Fp8V32, 576)]
    [InlineData(KvCacheFormat.Fp8Model1, 512)]
    public void ExportAndImport_Sequence_GiveTheSameBytes(KvCacheFormat format, int dim)
    {
        using var source = Cache(format, dim, layers: 3);
        using var target = Cache(format, dim, layers: 3);
        using var rows = Rows(40, dim);
        var sequence = source.CreateSequence();
        source.Extend(sequence, 40);
        for (var layer = 0; layer < 3; layer++)
            source.Append(layer, sequence, 0, rows);
        var exported = new byte[source.GetExportBytes(sequence)];

        source.Export(sequence, exported);
        target.Extend(target.CreateSequence(), 1); // so that block numbers differ
        var imported = target.TryImport(exported, 40)!;

        var again = new byte[target.GetExportBytes(imported)];
        target.Export(imported, again);
        again.Should().Equal(exported);
        imported.Length.Should().Be(40);
        using var a = Tensor<float>.Create([40, dim]);
        using var b = Tensor<float>.Create([40, dim]);
        source.Gather(2, sequence, 0, a);
        target.Gather(2, imported, 0, b);
        b.ToArray().Should().Equal(a.ToArray());
    }

    [Fact]
    public void TryImport_WithoutRoom_ReturnsNull()
    {
        using var cache = Cache(KvCacheFormat.Fp8V32, 576, blocks: 1);

        cache.TryImport(new byte[2 * cache.ExportBytes], 17).Should().BeNull();

        cache.Allocator.FreeBlocks.Should().Be(1);
        FluentActions
            .Invoking(() => cache.TryImport(new byte[3], 17))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*expected*bytes, got 3*");
    }

    [Fact]
    public void CopyBlocks_Pairs_CopiesAllLayers()
    {
        using var cache = Cache(KvCacheFormat.Fp8V32, 576, layers: 2);
        using var rows = Rows(16, 576);
        using var slots = Tensor<int>.FromSpan([.. Enumerable.Range(0, 16)], [16]);
        cache.Append(1, slots, rows);

        cache.CopyBlocks([(0, 3)]);

        Bytes(cache, 3).Should().Equal(Bytes(cache, 0));
        FluentActions
            .Invoking(() => cache.CopyBlocks([(0, 4)]))
            .Should()
            .Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void Append_WrongArguments_Throw()
    {
        using var cache = Cache(KvCacheFormat.Fp8V32, 576);
        using var rows = Rows(2, 576);
        using var narrow = Rows(2, 512);
        using var slots = Tensor<int>.FromSpan([0, 64], [2]);
        using var negative = Tensor<int>.FromSpan([0, -2], [2]);
        var sequence = cache.CreateSequence();
        cache.Extend(sequence, 1);

        Expect<ArgumentException>(() => cache.Append(0, slots, rows), "*slots[1]*64*");
        Expect<ArgumentException>(() => cache.Append(0, negative, rows), "*slots[1]*-2*");
        Expect<ArgumentException>(
            () => cache.Append(0, slots.AsSlice(0, 0, 1), rows),
            "*rows: expected shape [1,576], got [2,576]*"
        );
        Expect<ArgumentException>(
            () => cache.Append(0, sequence, 0, narrow),
            "*rows: expected shape [2,576], got [2,512]*"
        );
        Expect<ArgumentOutOfRangeException>(
            () => cache.Append(0, sequence, 0, rows),
            "*position*[0,2)*"
        );
        Expect<ArgumentOutOfRangeException>(
            () => cache.Append(1, sequence, 0, rows),
            "*layer: expected a value in [0,1), got 1*"
        );
        rows[1, 5] = float.NegativeInfinity;
        using var good = Tensor<int>.FromSpan([0, 1], [2]);
        Expect<ArgumentException>(() => cache.Append(0, good, rows), "*token 1*infinite*");
    }

    [Fact]
    public void Create_ByteBudget_FitsBlocksIntoIt()
    {
        using var cache = new PagedMlaKvCache(
            new()
            {
                ByteBudget = 10_000_000,
                Format = KvCacheFormat.Fp8V32,
                LayerCount = 4,
            }
        );

        cache.BlockCount.Should().Be(10_000_000 / (4 * 64 * 656));
    }

    [Fact]
    public void Create_WrongOptions_Throw()
    {
        Expect<ArgumentOutOfRangeException>(
            () => new PagedMlaKvCache(new()).Dispose(),
            "*ByteBudget*"
        );
        Expect<ArgumentOutOfRangeException>(
            () => new PagedMlaKvCache(new() { BlockCount = 1, PageSize = 0 }).Dispose(),
            "*PageSize*"
        );
        Expect<ArgumentException>(
            () =>
                new PagedMlaKvCache(
                    new()
                    {
                        BlockCount = 1,
                        Format = KvCacheFormat.Fp8V32,
                        HeadDim = 512,
                    }
                ).Dispose(),
            "*Fp8V32*576*"
        );
        Expect<NotSupportedException>(
            () =>
                new PagedMlaKvCache(
                    new()
                    {
                        BlockCount = 1,
                        Format = KvCacheFormat.Fp8V32,
                        KvHeads = 2,
                    }
                ).Dispose(),
            "*one KV head*"
        );
        Expect<NotSupportedException>(
            () =>
                new PagedMlaKvCache(
                    new()
                    {
                        BlockCount = 1,
                        Format = KvCacheFormat.Fp8Model1,
                        HeadDim = 512,
                        ScaleFormat = KvScaleFormat.Float32,
                    }
                ).Dispose(),
            "*PowerOfTwo only*"
        );
    }

    [Fact]
    public void Sequences_FromManyThreads_LeakNothing()
    {
        using var cache = Cache(KvCacheFormat.Fp8V32, 576, blocks: 64);

        Parallel.For(
            0,
            8,
            seed =>
            {
                var random = new Random(seed);
                var live = new List<MlaSequence>();
                for (var i = 0; i < 400; i++)
                {
                    switch (random.Next(4))
                    {
                        case 0:
                            live.Add(cache.CreateSequence());
                            break;
                        case 1 when live.Count > 0:
                            cache.TryExtend(live[random.Next(live.Count)], random.Next(40));
                            break;
                        case 2 when live.Count > 0:
                            live.Add(cache.Fork(live[random.Next(live.Count)]));
                            break;
                        case 3 when live.Count > 0:
                            var victim = live[random.Next(live.Count)];
                            live.Remove(victim);
                            cache.Free(victim);
                            break;
                    }
                }
                live.ForEach(cache.Free);
            }
        );

        cache.Allocator.UsedBlocks.Should().Be(0);
    }

    [Fact]
    public void BlockTableBuilder_Sequences_PacksTablesLengthsAndSlots()
    {
        using var cache = Cache(KvCacheFormat.BFloat16, 576, blocks: 8);
        using var builder = new BlockTableBuilder(maxBatch: 3, maxBlocks: 3, maxNewTokens: 2);
        var a = cache.CreateSequence();
        var b = cache.CreateSequence();
        cache.Extend(a, 17);
        cache.Extend(b, 2);

        builder.Build([a, b], newTokens: 2);

        builder.CacheSeqlens.ToArray().Should().Equal(17, 2);
        builder
            .BlockTable.ToArray()
            .Should()
            .Equal(a.Blocks[0], a.Blocks[1], -1, b.Blocks[0], -1, -1);
        builder
            .NewSlots.ToArray()
            .Should()
            .Equal(a.Blocks[0] * 16 + 15, a.Blocks[1] * 16, b.Blocks[0] * 16, b.Blocks[0] * 16 + 1);
        cache.Extend(b, 47);
        Expect<ArgumentException>(() => builder.Build([b]), "*at most 3 blocks, got 4*");
        Expect<ArgumentException>(() => builder.Build([a, a, a, a]), "*at most 3, got 4*");
    }

    private static void Expect<TException>(Action action, string message)
        where TException : Exception => action.Should().Throw<TException>().WithMessage(message);

    private static PagedMlaKvCache Cache(
        KvCacheFormat format,
        int dim,
        int blocks = 4,
        int layers = 1
    ) =>
        new(
            new()
            {
                BlockCount = blocks,
                PageSize = 16,
                Format = format,
                HeadDim = dim,
                LayerCount = layers,
            }
        );

    private static Tensor<float> Rows(int tokens, int dim, int seed = 1)
    {
        var random = new Random(seed);
        var rows = Tensor<float>.Create([tokens, dim]);
        foreach (ref var x in rows.AsSpan())
            x = random.NextSingle() * 2 - 1;
        return rows;
    }

    private static byte[] Bytes(PagedMlaKvCache cache, int block)
    {
        var bytes = new byte[cache.ExportBytes];
        cache.ExportBlock(block, bytes);
        return bytes;
    }
}
