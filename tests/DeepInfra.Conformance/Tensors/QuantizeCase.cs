// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Quantization;

namespace DeepInfra.Conformance.Tensors;

/// <summary>Which elements share a scale.</summary>
public enum QuantizeBlocks
{
    Token,
    Block,
    Channel,
}

/// <summary>A way to quantise.</summary>
/// <param name="Blocks">Which elements share a scale.</param>
/// <param name="Gran">Elements per scale along a dimension.</param>
/// <param name="Codes">Float8E4M3, Float8E5M2, or UInt8 for packed FP4.</param>
/// <param name="Scales">Float32, Float8E8M0 or packed Int32.</param>
/// <param name="Ue8m0">Powers of two.</param>
/// <param name="Rule">The formula.</param>
/// <param name="Rounding">Of FP4.</param>
public sealed record QuantizeCase(
    QuantizeBlocks Blocks,
    int Gran,
    DType Codes = DType.Float8E4M3,
    DType Scales = DType.Float32,
    bool Ue8m0 = false,
    ScaleRule Rule = ScaleRule.Divide,
    Fp4Rounding Rounding = Fp4Rounding.NearestEven
)
{
    /// <summary>Whether codes are packed two to a byte.</summary>
    public bool IsFp4 => Codes == DType.UInt8;

    /// <summary>Whether scales are powers of two.</summary>
    public bool IsPowerOfTwo => Ue8m0 || Scales != DType.Float32;

    /// <summary>Rows per scale.</summary>
    public int GranM => Blocks == QuantizeBlocks.Token ? 1 : Gran;

    /// <summary>Columns per scale.</summary>
    public int GranK => Blocks == QuantizeBlocks.Channel ? 1 : Gran;

    /// <summary>The shape of the codes of a tensor.</summary>
    public Shape DataShape(Shape x) => IsFp4 ? x.With(-1, x[-1] / 2) : x;

    /// <summary>One extent per block, whatever the form of the scales.</summary>
    public Shape BlockShape(Shape x) =>
        x.With(-2, (x[-2] + GranM - 1) / GranM).With(-1, (x[-1] + GranK - 1) / GranK);

    /// <summary>The shape of the scales of a tensor.</summary>
    public Shape ScaleShape(Shape x)
    {
        var blocks = BlockShape(x);
        var packed = Blocks == QuantizeBlocks.Channel ? -2 : -1;
        return Scales == DType.Int32 ? blocks.With(packed, (blocks[packed] + 3) / 4) : blocks;
    }
}
