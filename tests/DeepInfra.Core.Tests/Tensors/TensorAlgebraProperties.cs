// SPDX-License-Identifier: MIT
using DeepInfra.Testing;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace DeepInfra.Core.Tests.Tensors;

/// <summary>Laws of shapes, strides and views, against index arithmetic done element by element.</summary>
public class TensorAlgebraProperties
{
    private static Arbitrary<long[]> Extents { get; } =
        Gen.Choose(0, 5)
            .SelectMany(rank => Gen.Choose(0, 4).Select(e => (long)e).ArrayOf(rank))
            .ToArbitrary();

    private static Arbitrary<(long[] Extents, int Seed)> ExtentsAndSeed { get; } =
        Extents
            .Generator.SelectMany(e => Gen.Choose(0, int.MaxValue).Select(s => (e, s)))
            .ToArbitrary();

    [Property(MaxTest = 200)]
    public Property Shape_AnyExtents_RoundTrips() =>
        Prop.ForAll(
            Extents,
            extents =>
            {
                var shape = new Shape(extents);
                shape.Should().Equal(extents);
                shape.Rank.Should().Be(extents.Length);
                shape.ElementCount.Should().Be(extents.Aggregate(1L, (a, b) => a * b));
                (shape == new Shape(extents)).Should().BeTrue();
                shape.GetHashCode().Should().Be(new Shape(extents).GetHashCode());
                for (var i = 0; i < extents.Length; i++)
                {
                    shape[i - extents.Length].Should().Be(extents[i]);
                    shape.With(i, 9)[i].Should().Be(9);
                    shape.Without(i).Rank.Should().Be(extents.Length - 1);
                    (shape.With(i, 9) != shape).Should().BeTrue();
                }
            }
        );

    [Property(MaxTest = 200)]
    public Property RowMajor_AnyShape_EnumeratesMemoryInOrder() =>
        Prop.ForAll(
            Extents,
            extents =>
            {
                var shape = new Shape(extents);
                var strides = Strides.RowMajor(shape);
                strides.IsRowMajor(shape).Should().BeTrue();
                long next = 0;
                foreach (var index in Indices(shape))
                    Offset(index, strides).Should().Be(next++);
                next.Should().Be(shape.ElementCount);
            }
        );

    [Property(MaxTest = 200)]
    public Property Views_AnyChain_AddressTheSameElements() =>
        Prop.ForAll(
            ExtentsAndSeed,
            input =>
            {
                var shape = new Shape(input.Extents);
                var random = new DeterministicRandom((ulong)input.Seed);
                using var tensor = Tensor<int>.Create(shape);
                for (var i = 0; i < shape.ElementCount; i++)
                    tensor.AsSpan()[i] = i;

                // A view and, beside it, where each of its elements lies in the original.
                Tensor view = tensor;
                Func<long[], long[]> origin = index => index;
                for (var step = 0; step < 4 && view.Rank > 0; step++)
                    (view, origin) = RandomView(view, origin, random);

                var typed = view.As<int>();
                foreach (var index in Indices(view.Shape))
                    typed[index].Should().Be((int)Offset(origin(index), Strides.RowMajor(shape)));
                typed.ToArray().Should().Equal(Indices(view.Shape).Select(i => typed[i]));
                using var copy = typed.ToContiguous();
                copy.IsContiguous.Should().BeTrue();
                TensorAssertions.ShouldBeBitEqual(copy, typed);
            }
        );

    [Property(MaxTest = 200)]
    public Property Transpose_Twice_IsIdentity() =>
        Prop.ForAll(
            Extents.Filter(e => e.Length >= 2),
            extents =>
            {
                using var tensor = Tensor<short>.Create(new Shape(extents));
                var twice = tensor.AsTransposed(0, -1).AsTransposed(0, -1);
                twice.Shape.Should().Equal(tensor.Shape);
                (twice.Strides == tensor.Strides).Should().BeTrue();
            }
        );

    [Property(MaxTest = 200)]
    public Property Fill_AnyView_TouchesOnlyTheView() =>
        Prop.ForAll(
            ExtentsAndSeed,
            input =>
            {
                var random = new DeterministicRandom((ulong)input.Seed);
                using var tensor = Tensor<byte>.Create(new Shape(input.Extents));
                Tensor view = tensor;
                for (var step = 0; step < 3 && view.Rank > 0; step++)
                    (view, _) = RandomView(view, i => i, random);

                view.As<byte>().Fill(1);

                tensor.ToArray().Count(b => b == 1).Should().Be((int)view.ElementCount);
                view.As<byte>().ToArray().Should().NotContain((byte)0);
            }
        );

    private static (Tensor, Func<long[], long[]>) RandomView(
        Tensor view,
        Func<long[], long[]> origin,
        DeterministicRandom random
    )
    {
        var d = random.NextInt32(view.Rank);
        var extent = (int)view.Shape[d];
        switch (random.NextInt32(3))
        {
            case 0:
                var start = random.NextInt32(extent + 1);
                var length = random.NextInt32(extent - start + 1);
                return (
                    view.AsSlice(d, start, length),
                    index => origin([.. index[..d], index[d] + start, .. index[(d + 1)..]])
                );
            case 1 when extent > 0:
                var at = random.NextInt32(extent);
                return (
                    view.AsSelected(d - view.Rank, at),
                    index => origin([.. index[..d], at, .. index[d..]])
                );
            default:
                var other = random.NextInt32(view.Rank);
                return (
                    view.AsTransposed(d, other),
                    index =>
                    {
                        long[] swapped = [.. index];
                        (swapped[d], swapped[other]) = (swapped[other], swapped[d]);
                        return origin(swapped);
                    }
                );
        }
    }

    private static IEnumerable<long[]> Indices(Shape shape)
    {
        for (long i = 0; i < shape.ElementCount; i++)
        {
            var index = new long[shape.Rank];
            var rest = i;
            for (var d = shape.Rank - 1; d >= 0; d--)
                (rest, index[d]) = Math.DivRem(rest, shape[d]);
            yield return index;
        }
    }

    private static long Offset(long[] index, Strides strides)
    {
        long offset = 0;
        for (var d = 0; d < index.Length; d++)
            offset += index[d] * strides[d];
        return offset;
    }
}
