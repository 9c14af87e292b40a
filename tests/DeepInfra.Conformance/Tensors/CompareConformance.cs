// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using FluentAssertions;
using Xunit;

namespace DeepInfra.Conformance.Tensors;

/// <summary>Comparison on a device against one from the definition.</summary>
public abstract class CompareConformance<TBackend>
    where TBackend : struct, IComparingBackend
{
    private static readonly DType[] s_types =
    [
        DType.Float32,
        DType.Float16,
        DType.BFloat16,
        DType.Float8E4M3,
        DType.Float8E5M2,
    ];

    private static readonly (float Absolute, float Relative)[] s_tolerances =
    [
        (0, 0),
        (0.25f, 0),
        (0, 0.125f),
        (0.01f, 0.5f),
    ];

    protected CompareConformance() => TBackend.Require();

    public static TheoryData<DType, DType> Pairs =>
        [
            .. from actual in s_types
            from expected in s_types
            select new TheoryDataRow<DType, DType>(actual, expected),
        ];

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Compare_AnyValues_IsTheDefinition(DType actualType, DType expectedType)
    {
        Shape[] shapes =
        [
            [0, 3],
            [1],
            [257],
            [7, 33],
            [2, 3, 50],
        ];
        var random = new Random(3);
        foreach (var shape in shapes)
        foreach (var layout in Enum.GetValues<OperandLayout>())
        {
            var count = (int)shape.ElementCount;
            var actual = new ulong[count];
            var expected = new ulong[count];
            for (var i = 0; i < count; i++)
            {
                actual[i] = Bits(actualType, random);
                // Half of them are the same value, where the other type can hold it.
                expected[i] =
                    i % 2 == 0
                        ? Bits(expectedType, random)
                        : Encode(expectedType, FloatFormat.ValueOf(actualType, actual[i]));
            }
            using var a = Operand.Of(actualType, shape, layout, actual);
            using var e = Operand.Of(expectedType, shape, OperandLayout.Sliced, expected);
            foreach (var (absolute, relative) in s_tolerances)
                TBackend
                    .Compare(a, e, absolute, relative)
                    .Should()
                    .Be(
                        Define(a, e, absolute, relative),
                        $"{shape} {layout} {absolute} {relative}"
                    );
        }
    }

    private static TensorDifference Define(Operand a, Operand e, float absolute, float relative)
    {
        long count = 0,
            first = -1,
            unordered = 0;
        var largest = 0f;
        var (actual, expected) = (a.Bits(), e.Bits());
        for (var i = 0; i < actual.Length; i++)
        {
            var x = (float)FloatFormat.ValueOf(a.View.DType, actual[i]);
            var y = (float)FloatFormat.ValueOf(e.View.DType, expected[i]);
            if (x.Equals(y) || (float.IsNaN(x) && float.IsNaN(y)))
                continue;
            var isUnordered = !float.IsFinite(x) || !float.IsFinite(y);
            var difference = MathF.Abs(x - y);
            if (!isUnordered && difference > largest)
                largest = difference;
            // One multiply-add, as the device has it.
            var allowed = MathF.FusedMultiplyAdd(relative, MathF.Abs(y), absolute);
            if (!isUnordered && difference <= allowed)
                continue;
            unordered += isUnordered ? 1 : 0;
            count++;
            first = first < 0 ? i : first;
        }
        return new TensorDifference(count, first, largest, unordered);
    }

    private static ulong Bits(DType dtype, Random random) =>
        random.Next(12) == 0
            ? Encode(
                dtype,
                random.Next(4) switch
                {
                    0 => double.NaN,
                    1 => double.PositiveInfinity,
                    2 => double.NegativeInfinity,
                    _ => -0.0,
                }
            )
            : Encode(dtype, (random.NextDouble() - 0.5) * Math.Pow(2, random.Next(-6, 6)));

    private static ulong Encode(DType dtype, double value) =>
        FloatFormat.Of(dtype) is { } format
            ? format.Encode(value, OverflowMode.NoSaturate)
            : BitConverter.SingleToUInt32Bits((float)value);
}
