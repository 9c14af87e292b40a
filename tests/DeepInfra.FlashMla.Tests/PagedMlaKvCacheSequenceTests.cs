// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using static DeepInfra.FlashMla.Tests.CacheTestData;

namespace DeepInfra.FlashMla.Tests;

public sealed class PagedMlaKvCacheSequenceTests
{
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
    public void Extend_WithoutClearing_KeepsFormerContents()
    {
        using var cache = new PagedMlaKvCache(
            new()
            {
                BlockCount = 1,
                PageSize = 16,
                ClearBlocks = false,
            }
        );
        using var rows = Rows(16, 576);
        using var back = Tensor<float>.Create([16, 576]);
        using var expected = Tensor<float>.Create([16, 576]);
        var first = cache.CreateSequence();
        cache.Extend(first, 16);
        cache.Append(0, first, 0, rows);
        cache.Gather(0, first, 0, expected);
        cache.Free(first);

        var second = cache.CreateSequence();
        cache.Extend(second, 16);
        cache.Gather(0, second, 0, back);

        back.ToArray().Should().Equal(expected.ToArray());
    }

    [Fact]
    public void Sequences_WrongArguments_Throw()
    {
        using var cache = Cache(KvCacheFormat.BFloat16, 576);
        var sequence = cache.CreateSequence();
        var freed = cache.CreateSequence();
        cache.Extend(sequence, 5);
        cache.Free(freed);

        Expect<ArgumentOutOfRangeException>(() => cache.TryReserve(sequence, -1), "*tokens*");
        Expect<ArgumentOutOfRangeException>(() => cache.Extend(sequence, -1), "*tokens*");
        Expect<ArgumentOutOfRangeException>(() => cache.Truncate(sequence, -1), "*[0,5], got -1*");
        Expect<BlockOwnershipException>(() => cache.Fork(freed), "*was freed*");
        Expect<BlockOwnershipException>(() => cache.Truncate(freed, 0), "*was freed*");
        Expect<ArgumentNullException>(() => cache.Fork(null!), "*sequence*");
        Expect<ArgumentOutOfRangeException>(
            () => cache.GetSlots(sequence, 4, new int[2]),
            "*[4,6)*"
        );
        Expect<ArgumentOutOfRangeException>(
            () => cache.GetSlots(sequence, -1, new int[2]),
            "*[-1,1)*"
        );
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
    public void TryExtend_MoreTokensThanNumbers_ChangesNothing()
    {
        using var cache = Cache(KvCacheFormat.BFloat16, 576, blocks: 2);
        var sequence = cache.CreateSequence();
        cache.Extend(sequence, 20);

        // Neither a list of blocks of this length nor an overflow of the token count.
        cache.TryExtend(sequence, int.MaxValue).Should().BeFalse();

        sequence.Length.Should().Be(20);
        sequence.BlockCount.Should().Be(2);
        Expect<KvCacheFullException>(
            () => cache.Extend(sequence, int.MaxValue),
            "*20 tokens cannot grow by 2147483647*"
        );
    }
}
