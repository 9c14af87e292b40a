// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using Xunit;

namespace DeepInfra.Conformance.Tensors;

/// <summary>Conversions bit by bit: every code of the narrow formats, ties and their neighbours, NaN, infinities, layouts.</summary>
public abstract class CastConformance<TBackend>
    where TBackend : struct, ITensorBackend
{
    private static readonly DType[] s_types =
    [
        DType.Float32,
        DType.Float16,
        DType.BFloat16,
        DType.Float8E4M3,
        DType.Float8E5M2,
    ];

    protected CastConformance() => TBackend.Require();

    public static TheoryData<DType, DType> Pairs =>
        [
            .. from source in s_types
            from destination in s_types
            select new TheoryDataRow<DType, DType>(source, destination),
        ];

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Cast_EveryValueThatMatters_RoundsOnce(DType source, DType destination)
    {
        var bits = source == DType.Float32 ? Boundaries(destination) : AllCodes(source);
        foreach (var overflow in Enum.GetValues<OverflowMode>())
            Check(source, destination, [bits.Length], OperandLayout.Compact, bits, overflow);
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Cast_AnyShapeAndLayout_ConvertsTheElementsAlone(DType source, DType destination)
    {
        var pool = source == DType.Float32 ? Boundaries(destination) : AllCodes(source);
        foreach (var shape in CopyConformance<TBackend>.Shapes)
        foreach (var layout in Enum.GetValues<OperandLayout>())
        {
            var bits = Enumerable
                .Range(0, (int)shape.ElementCount)
                .Select(i => pool[i * 61 % pool.Length])
                .ToArray();
            Check(source, destination, shape, layout, bits, OverflowMode.SaturateFinite);
        }
    }

    private static void Check(
        DType from,
        DType to,
        Shape shape,
        OperandLayout layout,
        ulong[] bits,
        OverflowMode overflow
    )
    {
        using var source = Operand.Of(from, shape, layout, bits);
        // The result lies in the next layout, so that all pairs but equal ones occur.
        var other = (OperandLayout)(((int)layout + 1) % 4);
        using var destination = new Operand(to, shape, shape.Rank == 1 ? layout : other);

        TBackend.Cast(source, destination, overflow);

        var actual = destination.Bits();
        for (var i = 0; i < bits.Length; i++)
        {
            var value = FloatFormat.ValueOf(from, bits[i]);
            var expected = Expected(value, to, overflow);
            if (!IsExpected(actual[i], expected, value, to))
                Assert.Fail(
                    $"{from} 0x{bits[i]:x} ({value:r}) to {to}, {overflow}, {shape} {layout}: expected 0x{expected:x}, got 0x{actual[i]:x}"
                );
        }
        destination.ShouldBeUntouchedOutside($"{from} to {to}, {shape} {layout}");
    }

    private static ulong Expected(double value, DType to, OverflowMode overflow) =>
        FloatFormat.Of(to) is { } format
            ? format.Encode(value, overflow)
            : BitConverter.SingleToUInt32Bits((float)value);

    private static bool IsExpected(ulong actual, ulong expected, double value, DType to)
    {
        if (!double.IsNaN(value))
            return actual == expected;
        return to switch
        {
            // Any NaN, and binary16 has a sign.
            DType.Float32 => float.IsNaN(BitConverter.UInt32BitsToSingle((uint)actual)),
            DType.Float16 => (actual & 0x7FFF) == expected,
            _ => actual == expected,
        };
    }

    private static ulong[] AllCodes(DType dtype) =>
        [.. Enumerable.Range(0, 1 << DTypes.BitsOf(dtype)).Select(c => (ulong)c)];

    // Values of the destination's codes, the ties between them, both with their neighbours in binary32; special values; any bits.
    private static ulong[] Boundaries(DType destination)
    {
        List<float> values =
        [
            0,
            float.Epsilon,
            float.MaxValue,
            float.PositiveInfinity,
            1.17549435e-38f,
            65519,
            65520,
        ];
        if (FloatFormat.Of(destination) is { } format)
        {
            var codes = 1 << (format.Bits - 1);
            var step = format.Bits == 8 ? 1 : 37;
            for (var code = 0; code + 1 < codes; code += step)
            {
                var (low, high) = (format.ValueOf(code), format.ValueOf(code + 1));
                if (!double.IsFinite(low))
                    continue;
                // Beyond the last code lies what the next one would be.
                var next = double.IsFinite(high) ? high : 2 * low - format.ValueOf(code - 1);
                values.Add((float)low);
                values.Add((float)((low + next) / 2));
            }
        }
        var random = new Random(7);
        var bits = values
            .SelectMany(v => new[] { v, MathF.BitIncrement(v), MathF.BitDecrement(v) })
            .SelectMany(v => new[] { v, -v })
            .Select(v => (ulong)BitConverter.SingleToUInt32Bits(v))
            .ToList();
        bits.AddRange([0x7FC0_0000, 0xFFC0_0000, 0x7F80_0001, 0xFFFF_FFFF]);
        for (var i = 0; i < 1000; i++)
            bits.Add((ulong)random.NextInt64(1L << 32));
        return [.. bits];
    }
}
