// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.Core.Quantization;
using DeepInfra.Gemm;

namespace EndToEnd.Model;

/// <summary>Quantisation of operands into per-thread scratch, and the context of the products.</summary>
internal static class Fp8
{
    public const int Block = 128;

    /// <summary>Every rank is a thread of its own, so one product runs on one thread.</summary>
    public static CpuBackendOptions Single { get; } =
        CpuBackendOptions.Default with
        {
            MaxDegreeOfParallelism = 1,
        };

    public static GemmOperators Gemm { get; } =
        GemmContext.CreateCpu(new GemmOptions { Cpu = Single }).Ops;

    public static long Blocks(long elements) => (elements + Block - 1) / Block;

    /// <summary>One scale per row and 128 columns: for products over columns.</summary>
    public static ScaledTensor PerToken(Tensor<float> x, bool powerOfTwo = false)
    {
        var codes = ThreadScratch<Float8E4M3>.Rent(0, x.Shape);
        var scales = ThreadScratch<float>.Rent(0, [x.Shape[0], Blocks(x.Shape[1])]);
        Quantizer.QuantizePerToken(x, codes, scales, Block, powerOfTwo, options: Single);
        return new ScaledTensor(codes, scales);
    }

    /// <summary>One scale per column and 128 rows: for products over rows (weight gradients).</summary>
    /// <param name="slot">0 or 1: which of the two operands that live at the same time.</param>
    public static ScaledTensor PerChannel(int slot, Tensor<float> x)
    {
        var codes = ThreadScratch<Float8E4M3>.Rent(slot, x.Shape);
        var scales = ThreadScratch<float>.Rent(slot, [Blocks(x.Shape[0]), x.Shape[1]]);
        Quantizer.QuantizePerChannel(x, codes, scales, Block, options: Single);
        return new ScaledTensor(codes, scales);
    }

    /// <summary>Weights [N,K] from their codes and the scales of their blocks.</summary>
    public static void DequantizeBlocks(
        Tensor<Float8E4M3> codes,
        Tensor<float> scales,
        Tensor<float> values
    )
    {
        for (long n = 0; n < values.Shape[0]; n++)
        {
            var from = codes.AsView().Row(n);
            var to = values.AsView().Row(n);
            for (var k = 0; k < to.Length; k++)
                to[k] = (float)from[k] * scales[n / Block, k / Block];
        }
    }
}
