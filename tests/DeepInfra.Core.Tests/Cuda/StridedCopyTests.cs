// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;
using FsCheck.Fluent;
using FsCheck.Xunit;

namespace DeepInfra.Core.Tests.Cuda;

public class StridedCopyTests
{
    [Fact]
    public void Copy_BothContiguous_IsOneRow()
    {
        var pieces = Split([2, 3, 4], Strides.RowMajor([2, 3, 4]), Strides.RowMajor([2, 3, 4]));

        pieces.Should().Equal((96L, 1L, 0L, 0L));
    }

    [Fact]
    public void Copy_RowsPaddedOnOneSide_IsOnePiece()
    {
        var pieces = Split([2, 3, 4], new Strides([24, 8, 1]), Strides.RowMajor([2, 3, 4]));

        pieces.Should().Equal((16L, 6L, 0L, 0L));
    }

    [Property(MaxTest = 200)]
    public FsCheck.Property Copy_AnyPermutation_MovesEveryElement() =>
        Prop.ForAll(
            Gen.Choose(1, 4)
                .ListOf(4)
                .SelectMany(extents =>
                    Gen.Shuffle(new[] { 0, 1, 2, 3 })
                        .SelectMany(a =>
                            Gen.Shuffle(new[] { 0, 1, 2, 3 })
                                .Select(b =>
                                    (Extents: extents.ToArray(), A: a.ToArray(), B: b.ToArray())
                                )
                        )
                )
                .ToArbitrary(),
            x =>
            {
                var shape = new Shape(x.Extents.Select(e => (long)e).ToArray());
                var (from, to) = (Permuted(x.Extents, x.A), Permuted(x.Extents, x.B));
                var source = Enumerable.Range(1, (int)shape.ElementCount).ToArray();
                var copied = new int[source.Length];
                var expected = new int[source.Length];
                var elements = 0;
                Run(shape, from, to, (s, d) => (copied[d], elements) = (source[s], elements + 1));
                ForEach(x.Extents, index => expected[At(to, index)] = source[At(from, index)]);
                return elements == source.Length && copied.AsSpan().SequenceEqual(expected);
            }
        );

    private static Strides Permuted(int[] extents, int[] order)
    {
        var strides = new long[extents.Length];
        long step = 1;
        foreach (var d in order)
            (strides[d], step) = (step, step * extents[d]);
        return new Strides(strides);
    }

    private static int At(Strides strides, int[] index) =>
        (int)index.Select((i, d) => i * strides[d]).Sum();

    private static void ForEach(int[] extents, Action<int[]> action)
    {
        var count = extents.Aggregate(1, (a, b) => a * b);
        for (var n = 0; n < count; n++)
        {
            var index = new int[extents.Length];
            for (int d = extents.Length - 1, rest = n; d >= 0; rest /= extents[d--])
                index[d] = rest % extents[d];
            action(index);
        }
    }

    private static List<(long RowBytes, long Rows, long From, long To)> Split(
        Shape shape,
        Strides source,
        Strides destination
    )
    {
        var pieces = new List<(long, long, long, long)>();
        var copy = Create(shape, source, destination);
        while (copy.MoveNext())
            pieces.Add((copy.RowBytes, copy.Rows, copy.SourceOffset, copy.DestinationOffset));
        return pieces;
    }

    private static void Run(
        Shape shape,
        Strides source,
        Strides destination,
        Action<long, long> move
    )
    {
        var copy = Create(shape, source, destination);
        while (copy.MoveNext())
            for (long row = 0; row < copy.Rows; row++)
            for (long b = 0; b < copy.RowBytes; b += sizeof(int))
                move(
                    (copy.SourceOffset + row * copy.SourcePitch + b) / sizeof(int),
                    (copy.DestinationOffset + row * copy.DestinationPitch + b) / sizeof(int)
                );
    }

    private static StridedCopy Create(Shape shape, Strides source, Strides destination) =>
        new(
            shape,
            source,
            destination,
            sizeof(int),
            new long[9],
            new long[9],
            new long[9],
            new long[9]
        );
}
