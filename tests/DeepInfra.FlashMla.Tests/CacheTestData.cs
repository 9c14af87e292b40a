// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla.Tests;

/// <summary>Small caches and their contents.</summary>
internal static class CacheTestData
{
    /// <summary>Expects an exception whose message matches.</summary>
    public static void Expect<TException>(Action action, string message)
        where TException : Exception => action.Should().Throw<TException>().WithMessage(message);

    /// <summary>A cache with 16 tokens per block.</summary>
    public static PagedMlaKvCache Cache(
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

    /// <summary>Random rows in [-1, 1).</summary>
    public static Tensor<float> Rows(int tokens, int dim, int seed = 1)
    {
        var random = new Random(seed);
        var rows = Tensor<float>.Create([tokens, dim]);
        foreach (ref var x in rows.AsSpan())
            x = random.NextSingle() * 2 - 1;
        return rows;
    }

    /// <summary>A block of all layers as bytes.</summary>
    public static byte[] Bytes(PagedMlaKvCache cache, int block)
    {
        var bytes = new byte[cache.ExportBytes];
        cache.ExportBlock(block, bytes);
        return bytes;
    }
}
