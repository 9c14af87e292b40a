// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using static DeepInfra.FlashMla.Tests.CacheTestData;

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
    public void Append_SlotGivenTwice_ThrowsAndStoresNothing()
    {
        using var cache = Cache(KvCacheFormat.Fp8V32, 576);
        using var rows = Rows(40, 576);
        using var slots = Tensor<int>.FromSpan([.. Enumerable.Range(3, 40)], [40]);
        slots[0] = slots[1] = -1;
        slots[39] = 5;
        var before = Bytes(cache, 0);

        Expect<ArgumentException>(
            () => cache.Append(0, slots, rows),
            "slots[39]: expected every slot at most once, got 5, which slots[2] has, too*"
        );
        Expect<ArgumentException>(
            () => cache.Append(0, slots, rows.AsSlice(1, 0, 512), rows.AsSlice(1, 512, 64)),
            "slots[39]:*"
        );

        Bytes(cache, 0).Should().Equal(before);
        slots[39] = 63;
        cache.Append(0, slots, rows);
        using var back = Tensor<float>.Create([40, 576]);
        slots[39] = 5;
        cache.Gather(0, slots, back);
        back.AsSelected(0, 39).ToArray().Should().Equal(back.AsSelected(0, 2).ToArray());
    }

    [Fact]
    public void AppendAndGather_NoTokens_DoNothing()
    {
        using var cache = Cache(KvCacheFormat.Fp8V32, 576);
        using var rows = Tensor<float>.Create([0, 576]);
        using var slots = Tensor<int>.Create([0]);
        var sequence = cache.CreateSequence();

        cache.Extend(sequence, 0);
        cache.Append(0, slots, rows);
        cache.Append(0, sequence, 0, rows);
        cache.Gather(0, slots, rows);
        cache.Gather(0, sequence, 0, rows);

        cache.Allocator.UsedBlocks.Should().Be(0);
    }

    [Fact]
    public void Operations_AfterDispose_Throw()
    {
        var cache = Cache(KvCacheFormat.Fp8V32, 576);
        using var rows = Rows(2, 576);
        using var slots = Tensor<int>.FromSpan([0, 1], [2]);
        var sequence = cache.CreateSequence();
        cache.Extend(sequence, 2);
        var bytes = new byte[cache.ExportBytes];

        cache.Dispose();
        cache.Dispose();

        Expect<ObjectDisposedException>(() => cache.Append(0, slots, rows), "*");
        Expect<ObjectDisposedException>(() => cache.Append(0, sequence, 0, rows), "*");
        Expect<ObjectDisposedException>(() => cache.Gather(0, slots, rows), "*");
        Expect<ObjectDisposedException>(() => cache.ExportBlock(0, bytes), "*");
        Expect<ObjectDisposedException>(() => cache.ImportBlock(0, bytes), "*");
        Expect<ObjectDisposedException>(() => cache.CopyBlocks([(0, 1)]), "*");
        Expect<ObjectDisposedException>(() => cache.Extend(sequence, 20), "*");
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
    public void Create_SizesThatDoNotFit_Throw()
    {
        // Slots and the bytes of a block are 32-bit numbers.
        Expect<ArgumentOutOfRangeException>(
            () =>
                new PagedMlaKvCache(
                    new()
                    {
                        BlockCount = 1 << 30,
                        PageSize = 4,
                        HeadDim = 1,
                    }
                ).Dispose(),
            "BlockCount: expected at most 2^31-1 tokens*"
        );
        Expect<ArgumentOutOfRangeException>(
            () => new PagedMlaKvCache(new() { BlockCount = 1, PageSize = 1 << 28 }).Dispose(),
            "PageSize: expected blocks of at most 2^31-1 bytes*"
        );
        Expect<ArgumentException>(
            () => new PagedMlaKvCache(new() { BlockCount = 1, HeadDim = 65_537 }).Dispose(),
            "HeadDim: expected dimensions in [1,65536]*65537*"
        );
        Expect<ArgumentOutOfRangeException>(
            () =>
                new PagedMlaKvCache(
                    new() { BlockCount = 1, ScaleFormat = (KvScaleFormat)5 }
                ).Dispose(),
            "ScaleFormat: expected a defined value, got 5*"
        );
    }
}
