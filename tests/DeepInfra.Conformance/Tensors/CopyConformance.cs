// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using FluentAssertions;
using Xunit;

namespace DeepInfra.Conformance.Tensors;

/// <summary>Filling and copying: every width, empty and odd shapes, every pair of layouts, nothing beside the elements.</summary>
public abstract class CopyConformance<TBackend>
    where TBackend : struct, ITensorBackend
{
    protected CopyConformance() => TBackend.Require();

    /// <summary>One type of each width and those that share it.</summary>
    public static TheoryData<DType> Types =>
        [
            DType.UInt8,
            DType.Float8E4M3,
            DType.Float8E5M2,
            DType.Float8E8M0,
            DType.Boolean,
            DType.Int16,
            DType.Float16,
            DType.BFloat16,
            DType.Int32,
            DType.Float32,
            DType.Int64,
            DType.Float64,
        ];

    /// <summary>Empty, single, odd, multiples of tiles, and many dimensions.</summary>
    internal static IReadOnlyList<Shape> Shapes { get; } =
    [
        [0],
        [3, 0],
        [0, 4],
        [1],
        [1, 1],
        [257],
        [3, 5],
        [33, 17],
        [64, 128],
        [1, 130],
        [130, 1],
        [2, 3, 7, 5],
    ];

    [Theory]
    [MemberData(nameof(Types))]
    public void Fill_AnyShapeAndLayout_SetsTheElementsAlone(DType dtype)
    {
        var bits = Mask(dtype, 0x8123_4567_89AB_CDEF);
        if (dtype == DType.Boolean)
            bits = 1;
        foreach (var shape in Shapes)
        foreach (var layout in Enum.GetValues<OperandLayout>())
        {
            using var x = new Operand(dtype, shape, layout);

            TBackend.Fill(x, bits);

            x.Bits().All(b => b == bits).Should().BeTrue($"{shape} {layout}");
            x.ShouldBeUntouchedOutside($"{shape} {layout}");
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Copy_AnyShapeAndLayouts_KeepsEveryBit(DType dtype)
    {
        var random = new Random(1);
        foreach (var shape in Shapes)
        foreach (var from in Enum.GetValues<OperandLayout>())
        foreach (var to in Enum.GetValues<OperandLayout>())
        {
            var bits = new ulong[shape.ElementCount];
            for (var i = 0; i < bits.Length; i++)
                bits[i] =
                    dtype == DType.Boolean
                        ? (ulong)random.Next(2)
                        : Mask(dtype, (ulong)random.NextInt64(long.MinValue, long.MaxValue));
            using var source = Operand.Of(dtype, shape, from, bits);
            using var destination = new Operand(dtype, shape, to);

            TBackend.Copy(source, destination);

            var because = $"{shape} {from} to {to}";
            destination.Bits().SequenceEqual(bits).Should().BeTrue(because);
            destination.ShouldBeUntouchedOutside(because);
            source.Bits().SequenceEqual(bits).Should().BeTrue(because);
        }
    }

    private static ulong Mask(DType dtype, ulong bits) =>
        DTypes.BitsOf(dtype) == 64 ? bits : bits & ((1ul << DTypes.BitsOf(dtype)) - 1);
}
