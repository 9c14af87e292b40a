// SPDX-License-Identifier: MIT
using static DeepInfra.FlashMla.Tests.CacheTestData;

namespace DeepInfra.FlashMla.Tests;

public sealed class BlockTableBuilderTests
{
    [Fact]
    public void Build_Sequences_PacksTablesLengthsAndSlots()
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

    [Fact]
    public void Build_Failing_LeavesTheLastTables()
    {
        using var cache = Cache(KvCacheFormat.BFloat16, 576, blocks: 8);
        using var builder = new BlockTableBuilder(maxBatch: 2, maxBlocks: 3);
        var good = cache.CreateSequence();
        var freed = cache.CreateSequence();
        cache.Extend(good, 17);
        builder.Build([good], newTokens: 1);
        var table = builder.BlockTable.ToArray();
        cache.Extend(good, 1);
        cache.Free(freed);

        Expect<BlockOwnershipException>(
            () => builder.Build([good, freed], newTokens: 1),
            "*was freed*"
        );
        Expect<ArgumentException>(
            () => builder.Build([good, cache.CreateSequence()], newTokens: 1),
            "sequences[1]: expected at least 1 tokens, got 0*"
        );

        builder.BlockTable.ToArray().Should().Equal(table);
        builder.CacheSeqlens.ToArray().Should().Equal(17);
    }

    [Fact]
    public void Create_WrongSizes_Throw()
    {
        Expect<ArgumentOutOfRangeException>(() => Create(0, 1, 1), "*maxBatch*");
        Expect<ArgumentOutOfRangeException>(() => Create(1, 0, 1), "*maxBlocks*");
        Expect<ArgumentOutOfRangeException>(() => Create(1, 1, 0), "*maxNewTokens*");
        Expect<ArgumentOutOfRangeException>(
            () => Create(1 << 16, 1 << 16, 1),
            "maxBlocks: *65536 sequences of 65536*"
        );
        Expect<ArgumentOutOfRangeException>(
            () => Create(1 << 16, 1, 1 << 16),
            "maxNewTokens: *65536 sequences of 65536*"
        );

        static void Create(int maxBatch, int maxBlocks, int maxNewTokens) =>
            new BlockTableBuilder(maxBatch, maxBlocks, maxNewTokens).Dispose();
    }
}
