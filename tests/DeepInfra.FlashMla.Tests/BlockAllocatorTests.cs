// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla.Tests;

public sealed class BlockAllocatorTests
{
    [Fact]
    public void TryReserve_MoreThanFree_TakesNothing()
    {
        var allocator = new BlockAllocator(3);

        allocator.TryReserve(new int[4]).Should().BeFalse();

        allocator.FreeBlocks.Should().Be(3);
        allocator.TryReserve(new int[3]).Should().BeTrue();
        allocator.UsedBlocks.Should().Be(3);
        allocator.TryReserve([]).Should().BeTrue();
    }

    [Fact]
    public void Release_SharedBlock_FreesWithTheLastReference()
    {
        var allocator = new BlockAllocator(1);
        var blocks = new int[1];
        allocator.TryReserve(blocks);
        allocator.AddReference(blocks[0]);

        allocator.Release(blocks[0]).Should().BeFalse();
        allocator.ReferenceCount(blocks[0]).Should().Be(1);
        allocator.Release(blocks[0]).Should().BeTrue();

        allocator.FreeBlocks.Should().Be(1);
    }

    [Fact]
    public void Release_Twice_Throws()
    {
        var allocator = new BlockAllocator(2);
        var blocks = new int[1];
        allocator.TryReserve(blocks);
        allocator.Release(blocks[0]);

        FluentActions
            .Invoking(() => allocator.Release(blocks[0]))
            .Should()
            .Throw<BlockOwnershipException>()
            .WithMessage("*freed twice*");
        FluentActions
            .Invoking(() => allocator.AddReference(blocks[0]))
            .Should()
            .Throw<BlockOwnershipException>();
        allocator.FreeBlocks.Should().Be(2);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(2)]
    public void Release_ForeignBlock_Throws(int block)
    {
        var allocator = new BlockAllocator(2);

        FluentActions
            .Invoking(() => allocator.Release(block))
            .Should()
            .Throw<BlockOwnershipException>()
            .WithMessage("*does not belong*");
    }

    [Fact]
    public void TryReserve_FromManyThreads_NeverHandsABlockOutTwice()
    {
        var allocator = new BlockAllocator(64);
        var owners = new int[64];

        Parallel.For(
            0,
            8,
            seed =>
            {
                var random = new Random(seed);
                for (var i = 0; i < 2000; i++)
                {
                    var blocks = new int[random.Next(1, 9)];
                    if (!allocator.TryReserve(blocks))
                        continue;
                    foreach (var block in blocks)
                        Interlocked.Increment(ref owners[block]).Should().Be(1);
                    foreach (var block in blocks)
                    {
                        Interlocked.Decrement(ref owners[block]);
                        allocator.Release(block).Should().BeTrue();
                    }
                }
            }
        );

        allocator.FreeBlocks.Should().Be(64);
    }
}
