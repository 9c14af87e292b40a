// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;
using DeepInfra.Core.Numerics;
using DeepInfra.Core.Quantization;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Quantization;

/// <summary>Tensors that end at an inaccessible page: a byte read or written behind them would end the process.</summary>
public class GuardedMemoryTests
{
    public static TheoryData<SimdTier> Tiers => SimdTiers.Theory;

    [Theory]
    [MemberData(nameof(Tiers))]
    public void Quantize_TensorsAtTheEndOfMemory_StaysInside(SimdTier tier)
    {
        Assert.SkipUnless(GuardedMemory.IsSupported, "needs mmap");
        var options = new CpuBackendOptions { MaxIsa = tier };
        foreach (var columns in new[] { 2, 34, 160, 258 })
        {
            const int Rows = 32;
            using var x = GuardedMemory.Tensor<float>([Rows, columns]);
            using var x16 = GuardedMemory.Tensor<BFloat16>([Rows, columns]);
            using var codes = GuardedMemory.Tensor<Float8E4M3>([Rows, columns]);
            using var codes4 = GuardedMemory.Tensor<byte>([Rows, columns / 2]);
            using var perRow = GuardedMemory.Tensor<float>([Rows, (columns + 31) / 32]);
            using var perColumn = GuardedMemory.Tensor<float>([1, columns]);
            using var perBlock = GuardedMemory.Tensor<Float8E8M0>([1, (columns + 31) / 32]);
            x.Fill(448);
            x16.Fill((BFloat16)448f);

            Quantizer.QuantizePerToken(x16, codes, perRow, 32, options: options);
            Quantizer.QuantizePerChannel(x, codes, perColumn, 32, options: options);
            Quantizer.QuantizePerBlock(x16, codes, perBlock, 32, options: options);
            Quantizer.QuantizePerTokenFp4(x, codes4, perRow, 32, options: options);
            Quantizer.DequantizeFp4(codes4, perRow, x, 32, options);
            Quantizer.DequantizePerBlock(codes, perBlock, x16, 32, options);

            x16.AsSpan().IndexOfAnyExcept((BFloat16)448f).Should().Be(-1);
            x[Rows - 1, columns - 1].Should().BeApproximately(448, 0.01f);
        }
    }

    [Theory]
    [MemberData(nameof(Tiers))]
    public void Convert_SpansAtTheEndOfMemory_StaysInside(SimdTier tier)
    {
        Assert.SkipUnless(GuardedMemory.IsSupported, "needs mmap");
        for (var length = 1; length < 150; length += 7)
        {
            using var wide = GuardedMemory.Tensor<float>([length]);
            using var brain = GuardedMemory.Tensor<BFloat16>([length]);
            using var half = GuardedMemory.Tensor<Half>([length]);
            using var codes = GuardedMemory.Tensor<Float8E4M3>([length]);
            using var powers = GuardedMemory.Tensor<Float8E8M0>([length]);
            wide.Fill(2);

            NumberConvert.Narrow(wide.AsSpan(), brain.AsSpan(), tier);
            NumberConvert.Narrow(wide.AsSpan(), half.AsSpan(), tier);
            NumberConvert.Narrow(wide.AsSpan(), powers.AsSpan(), tier: tier);
            NumberConvert.Narrow(brain.AsSpan(), codes.AsSpan(), tier: tier);
            NumberConvert.Widen(codes.AsSpan(), brain.AsSpan(), tier);
            NumberConvert.Widen(codes.AsSpan(), wide.AsSpan(), tier);
            wide.AsSpan().IndexOfAnyExcept(2).Should().Be(-1);
            NumberConvert.Widen(half.AsSpan(), wide.AsSpan(), tier);
            NumberConvert.Widen(powers.AsSpan(), wide.AsSpan(), tier);
            wide.AsSpan().IndexOfAnyExcept(2).Should().Be(-1);
        }
    }
}
