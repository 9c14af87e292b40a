// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla.Tests;

public sealed class LargeCacheTests
{
    /// <summary>Of 4.4 GB only the pages of two blocks are touched.</summary>
    [Fact]
    [Trait("Category", "Slow")]
    public void Decode_CacheOfMoreThanTwoToThe31Elements_ReachesItsLastBlock()
    {
        const int blocks = 60_000;
        var cache = KvBlocks.Allocate(
            KvCacheFormat.BFloat16,
            blocks,
            64,
            1,
            576,
            blocks * 64L * 576 * 2
        );
        var rows = cache.Data.As<BFloat16>();
        rows.AsSelected(0, 0).Fill((BFloat16)1f);
        rows.AsSelected(0, blocks - 1).Fill((BFloat16)2f);
        using var q = Tensor<float>.Create([1, 1, 1, 576]);
        using var table = Tensor<int>.FromSpan([blocks - 1], [1, 1]);
        using var lengths = Tensor<int>.FromSpan([64], [1]);
        using var plan = MlaDecodePlan.Create(
            Device.Cpu,
            new() { Shape = MlaShape.DeepSeekV3(1), MaxBatch = 1 }
        );
        plan.Update(lengths);

        var state = MlaAttention.Decode(plan, q, cache, table, lengths);

        state.Out.As<float>().ToArray().Should().OnlyContain(x => x == 2);
        cache.Data.Dispose();
    }
}
