// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using static DeepInfra.FlashMla.Tests.CacheTestData;

namespace DeepInfra.FlashMla.Tests;

public sealed class PagedMlaKvCacheTransferTests
{
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
    public void CopyBlocks_Chain_CopiesInOrder()
    {
        using var cache = Cache(KvCacheFormat.Fp8V32, 576);
        using var rows = Rows(16, 576);
        using var slots = Tensor<int>.FromSpan([.. Enumerable.Range(0, 16)], [16]);
        cache.Append(0, slots, rows);

        cache.CopyBlocks([(0, 1), (1, 2), (2, 2)]);

        Bytes(cache, 2).Should().Equal(Bytes(cache, 0));
    }
}
