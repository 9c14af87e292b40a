// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Quantization;
using FluentAssertions;
using Xunit;

namespace DeepInfra.Conformance.Tensors;

/// <summary>Quantisers bit by bit: block forms, scale forms, formulas, odd shapes, layouts, saturation, NaN.</summary>
public abstract class QuantizeConformance<TBackend>
    where TBackend : struct, ITensorBackend
{
    private static readonly Shape[] s_shapes =
    [
        [0, 32],
        [1, 2],
        [3, 34],
        [2, 3, 130],
        [17, 258],
    ];

    protected QuantizeConformance() => TBackend.Require();

    public static TheoryData<QuantizeCase> Cases
    {
        get
        {
            TheoryData<QuantizeCase> cases = [];
            foreach (var blocks in Enum.GetValues<QuantizeBlocks>())
            foreach (var codes in new[] { DType.Float8E4M3, DType.Float8E5M2 })
            foreach (var rule in Enum.GetValues<ScaleRule>())
            {
                cases.Add(new QuantizeCase(blocks, 32, codes, Rule: rule));
                cases.Add(new QuantizeCase(blocks, 64, codes, Ue8m0: true, Rule: rule));
                cases.Add(new QuantizeCase(blocks, 128, codes, DType.Float8E8M0, Rule: rule));
                cases.Add(new QuantizeCase(blocks, 16, codes, DType.Int32, Rule: rule));
            }
            foreach (var blocks in Enum.GetValues<QuantizeBlocks>())
                cases.Add(new QuantizeCase(blocks, 256));
            foreach (var rounding in Enum.GetValues<Fp4Rounding>())
            {
                const QuantizeBlocks Token = QuantizeBlocks.Token;
                cases.Add(new QuantizeCase(Token, 32, DType.UInt8, Rounding: rounding));
                cases.Add(
                    new QuantizeCase(Token, 16, DType.UInt8, DType.Int32, Rounding: rounding)
                );
            }
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Quantize_AnyShapeAndLayout_IsTheDefinition(QuantizeCase form)
    {
        foreach (var shape in ShapesFor(form))
        foreach (var dtype in new[] { DType.Float32, DType.BFloat16 })
        foreach (var layout in Enum.GetValues<OperandLayout>())
            Check(form, dtype, shape, layout, Values(shape, special: false));
    }

    /// <summary>NaN and infinities, alone in a block and among numbers.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void Quantize_SpecialValues_IsTheDefinition(QuantizeCase form)
    {
        foreach (var shape in ShapesFor(form))
            Check(form, DType.Float32, shape, OperandLayout.Compact, Values(shape, special: true));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Dequantize_AnyLayout_IsCodeTimesScale(QuantizeCase form)
    {
        foreach (var shape in ShapesFor(form))
        {
            var reference = new QuantizeReference(form, shape, Values(shape, special: true));
            using var data = Operand.Of(
                form.Codes,
                form.DataShape(shape),
                OperandLayout.Sliced,
                reference.StoredCodes()
            );
            using var scales = Operand.Of(
                form.Scales,
                form.ScaleShape(shape),
                OperandLayout.Compact,
                reference.StoredScales()
            );
            var expected = reference.Values();
            foreach (var dtype in new[] { DType.Float32, DType.BFloat16 })
            foreach (var layout in Enum.GetValues<OperandLayout>())
            {
                using var x = new Operand(dtype, shape, layout);

                TBackend.Dequantize(form, data, scales, x);

                var because = $"{form} {dtype}{shape} {layout}";
                var actual = x.Bits().Select(b => FloatFormat.ValueOf(dtype, b)).ToArray();
                var rounded =
                    dtype == DType.Float32
                        ? expected.Select(v => (double)v)
                        : expected.Select(v =>
                            FloatFormat.BFloat16.ValueOf((int)FloatFormat.BFloat16.Encode(v))
                        );
                // NaN equals NaN here; which one is not part of the contract.
                actual.SequenceEqual(rounded).Should().BeTrue(because);
                x.ShouldBeUntouchedOutside(because);
            }
        }
    }

    private static void Check(
        QuantizeCase form,
        DType dtype,
        Shape shape,
        OperandLayout layout,
        float[] values
    )
    {
        if (dtype == DType.BFloat16)
            values =
            [
                .. values.Select(v =>
                    (float)FloatFormat.BFloat16.ValueOf((int)FloatFormat.BFloat16.Encode(v))
                ),
            ];
        var bits = values.Select(v =>
            dtype == DType.Float32
                ? BitConverter.SingleToUInt32Bits(v)
                : FloatFormat.BFloat16.Encode(v)
        );
        using var x = Operand.Of(dtype, shape, layout, [.. bits]);
        using var data = new Operand(form.Codes, form.DataShape(shape), OperandLayout.Sliced);
        using var scales = new Operand(form.Scales, form.ScaleShape(shape), OperandLayout.Sliced);

        TBackend.Quantize(form, x, data, scales);

        var because = $"{form} {dtype}{shape} {layout}";
        var reference = new QuantizeReference(form, shape, values);
        scales.Bits().Should().Equal(reference.StoredScales(), because);
        data.Bits().Should().Equal(reference.StoredCodes(), because);
        data.ShouldBeUntouchedOutside(because);
        scales.ShouldBeUntouchedOutside(because);
    }

    // Channels have two dimensions, and their extent along the blocks is a multiple of the granularity.
    private static Shape[] ShapesFor(QuantizeCase form) =>
        form.Blocks == QuantizeBlocks.Channel
            ?
            [
                [form.Gran, 1],
                [(form.Gran < 128 ? 5L : 2L) * form.Gran, 33],
            ]
            : s_shapes;

    private static float[] Values(Shape shape, bool special)
    {
        var random = new Random(11);
        var values = new float[shape.ElementCount];
        for (var i = 0; i < values.Length; i++)
        {
            var sign = random.Next(2) == 0 ? 1f : -1f;
            values[i] = sign * random.NextSingle() * MathF.Pow(2, random.Next(-12, 12));
            if (random.Next(20) == 0)
                values[i] = sign * 0;
            if (special && random.Next(40) == 0)
                values[i] = random.Next(3) switch
                {
                    0 => float.NaN,
                    1 => float.PositiveInfinity,
                    _ => float.NegativeInfinity,
                };
        }
        // A block of zeros, and one of the smallest numbers.
        for (var i = 0; i < values.Length && i < shape[-1] / 2; i++)
            values[i] = i % 2 == 0 ? 0 : float.Epsilon;
        // Multiples of a quarter up to 6: FP4 codes and all ties between them, as the scale is 1.
        var columns = (int)shape[-1];
        if (columns >= 32 && values.Length >= 2 * columns)
            for (var i = 0; i < 32; i++)
                values[columns + i] = (i % 2 == 0 ? 0.25f : -0.25f) * (i % 25);
        return values;
    }
}
