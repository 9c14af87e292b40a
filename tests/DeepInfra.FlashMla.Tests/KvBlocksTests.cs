// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla.Tests;

/// <summary>What storage of a cache is refused.</summary>
public sealed class KvBlocksTests
{
    [Fact]
    public void Create_WrongTensors_Throw()
    {
        using var floats = Tensor<float>.Create([1, 64, 1, 576]);
        using var rank3 = Tensor<BFloat16>.Create([64, 1, 576]);
        using var bytes = Tensor<byte>.Create([1, 64, 1, 650]);
        using var spread = Tensor<byte>.Create([1, 64, 1, 700]);
        using var good = Tensor<sbyte>.Create([1, 64, 1, 656]);

        Blocks(floats, KvCacheFormat.BFloat16, "*BFloat16 elements*Float32*");
        Blocks(rank3, KvCacheFormat.BFloat16, "*[blocks, page, KV heads, D]*[64,1,576]*");
        Blocks(bytes, KvCacheFormat.Fp8V32, "*[blocks, page, 1, 656]*650*");
        Blocks(
            spread.AsSlice(3, 0, 656),
            KvCacheFormat.Fp8V32,
            "*row stride of 656 bytes, got 700*"
        );
        Blocks(good, KvCacheFormat.Fp8Model1, "*584*");
        new KvBlocks(good, KvCacheFormat.Fp8V32).HeadDim.Should().Be(576);
    }

    [Fact]
    public void Allocate_WrongArguments_Throw()
    {
        Allocate(() => KvBlocks.Allocate((KvCacheFormat)9, 1, 64), "format");
        Allocate(() => KvBlocks.Allocate(KvCacheFormat.BFloat16, -1, 64), "blockCount");
        Allocate(() => KvBlocks.Allocate(KvCacheFormat.BFloat16, 1, 0), "pageSize");
        Allocate(() => KvBlocks.Allocate(KvCacheFormat.BFloat16, 1, 64, 0), "headDim");
        Allocate(() => KvBlocks.Allocate(KvCacheFormat.BFloat16, 1, 64, 1, 65_537), "headDim");
        Allocate(() => KvBlocks.Allocate(KvCacheFormat.BFloat16, 1, int.MaxValue), "pageSize");
        FluentActions
            .Invoking(() => KvBlocks.Allocate(KvCacheFormat.Fp8V32, 1, 64, kvHeads: 2))
            .Should()
            .Throw<NotSupportedException>()
            .WithMessage("kvHeads: *one KV head, got 2*");

        static void Allocate(Func<KvBlocks> action, string name) =>
            action.Should().Throw<ArgumentException>().WithParameterName(name);
    }

    private static void Blocks(Tensor tensor, KvCacheFormat format, string message) =>
        FluentActions
            .Invoking(() => new KvBlocks(tensor, format))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage(message);
}
