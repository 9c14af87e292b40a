// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla.Tests;

public sealed class AttentionStatesTests
{
    private const float Infinity = float.PositiveInfinity;

    [Theory]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(64)]
    public void MergeMany_PartsOfASequence_EqualsTheWhole(int parts)
    {
        var random = new Random(parts);
        const int keys = 256;
        using var q = Rows(random, 3, 2, 24);
        using var k = Rows(random, keys, 1, 24);
        using var v = Rows(random, keys, 1, 16);
        using var cuQ = Tensor<int>.FromSpan([0, 3], [2]);
        var whole = Attend(q, k, v, cuQ);
        var states = new AttentionState[parts];
        for (var i = 0; i < parts; i++)
        {
            var (first, end) = (i * keys / parts, (i + 1) * keys / parts);
            states[i] = Attend(
                q,
                k.AsSlice(0, first, end - first),
                v.AsSlice(0, first, end - first),
                cuQ
            );
        }

        var merged = AttentionStates.MergeMany(states);

        for (var t = 0; t < 3; t++)
        for (var h = 0; h < 2; h++)
        {
            merged.LogSumExp[t, h].Should().BeApproximately(whole.LogSumExp[t, h], 2e-6f);
            for (var c = 0; c < 16; c++)
                merged
                    .Out.As<float>()[t, h, c]
                    .Should()
                    .BeApproximately(whole.Out.As<float>()[t, h, c], 2e-6f);
        }
    }

    [Fact]
    public void Merge_OtherGrouping_GivesTheSame()
    {
        var (a, b, c) = (State([1, 2], 0.3f), State([3, -4], 2.1f), State([-5, 6], -1.7f));

        var left = AttentionStates.Merge(AttentionStates.Merge(a, b), c);
        var right = AttentionStates.Merge(a, AttentionStates.Merge(b, c));
        var together = AttentionStates.MergeMany([a, b, c]);

        foreach (var other in new[] { right, together })
        {
            other.LogSumExp[0, 0].Should().BeApproximately(left.LogSumExp[0, 0], 1e-6f);
            for (var i = 0; i < 2; i++)
                other
                    .Out.As<float>()[0, 0, i]
                    .Should()
                    .BeApproximately(left.Out.As<float>()[0, 0, i], 2e-6f);
        }
    }

    [Fact]
    public void MergeMany_OneState_IsACopyOfIt()
    {
        var only = State([1, 2], 0.3f);

        var merged = AttentionStates.MergeMany([only]);

        merged.Out.As<float>().ToArray().Should().Equal(1, 2);
        merged.LogSumExp[0, 0].Should().Be(0.3f);
    }

    [Fact]
    public void Merge_MixedBases_ConvertsAndKeepsTheFirst()
    {
        var natural = State([1, 2], 0.5f);
        var two = State([3, 4], 0.7f / MathF.Log(2), LogSumExpBase.Two);

        var merged = AttentionStates.Merge(two, natural);

        merged.Base.Should().Be(LogSumExpBase.Two);
        var expected = new double[2];
        var lse = MlaReference.Merge(
            [
                [3, 4],
                [1, 2],
            ],
            [0.7, 0.5],
            expected
        );
        ((double)merged.LogSumExp[0, 0]).Should().BeApproximately(lse / Math.Log(2), 1e-6);
        ((double)merged.Out.As<float>()[0, 0, 1]).Should().BeApproximately(expected[1], 1e-6);
    }

    [Theory]
    [InlineData(Infinity)]
    [InlineData(-Infinity)]
    public void Merge_EmptyState_ChangesNothing(float marker)
    {
        var full = State([1, 2], -3);
        var empty = State([float.NaN, 9], marker);

        var merged = AttentionStates.Merge(empty, full);

        merged.Out.As<float>().ToArray().Should().Equal(1, 2);
        merged.LogSumExp[0, 0].Should().Be(-3);
    }

    [Fact]
    public void Merge_AllEmpty_GivesZeroAndPositiveInfinity()
    {
        var merged = AttentionStates.Merge(State([1, 2], Infinity), State([3, 4], -Infinity));

        merged.Out.As<float>().ToArray().Should().Equal(0, 0);
        merged.LogSumExp[0, 0].Should().Be(Infinity);
    }

    [Fact]
    public void Merge_NaN_Propagates()
    {
        var merged = AttentionStates.Merge(State([1, 2], float.NaN), State([3, 4], 1));

        float.IsNaN(merged.LogSumExp[0, 0]).Should().BeTrue();
        float.IsNaN(merged.Out.As<float>()[0, 0, 0]).Should().BeTrue();
    }

    [Fact]
    public void MergeInPlace_DecodeLayout_UsesHeadsBeforeTokens()
    {
        using var outA = Tensor<float>.Create([1, 2, 3, 1]);
        using var outB = Tensor<float>.Create([1, 2, 3, 1]);
        using var lseA = Tensor<float>.Create([1, 3, 2]);
        using var lseB = Tensor<float>.Create([1, 3, 2]);
        outA.Fill(1);
        outB.Fill(5);
        lseA.Fill(0);
        lseB.Fill(-100);
        lseB[0, 2, 1] = 100; // head 2, token 1: the second state wins there

        AttentionStates.MergeInPlace(
            new AttentionState(outA, lseA, LogSumExpBase.Natural),
            new AttentionState(outB, lseB, LogSumExpBase.Natural)
        );

        outA.ToArray().Should().Equal(1, 1, 1, 1, 1, 5);
        lseA[0, 2, 1].Should().Be(100);
    }

    [Fact]
    public void MergeMany_WrongStates_Throw()
    {
        FluentActions
            .Invoking(() => AttentionStates.MergeMany([]))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*at least one*");
        FluentActions
            .Invoking(() => AttentionStates.Merge(State([1, 2], 0), State([1, 2, 3], 0)))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*states[1]*[1,1,2]*[1,1,3]*");
    }

    private static AttentionState Attend(
        Tensor<float> q,
        Tensor<float> k,
        Tensor<float> v,
        Tensor<int> cuQ
    )
    {
        var length = (int)k.Shape[0];
        using var cuK = Tensor<int>.FromSpan([0, length], [2]);
        return MlaAttention.PrefillDense(q, k, v, cuQ, cuK, 3, length, causal: false);
    }

    private static AttentionState State(
        float[] row,
        float lse,
        LogSumExpBase logBase = LogSumExpBase.Natural
    ) =>
        new(
            Tensor<float>.FromSpan(row, [1, 1, row.Length]),
            Tensor<float>.FromSpan([lse], [1, 1]),
            logBase
        );

    private static Tensor<float> Rows(Random random, int tokens, int heads, int columns)
    {
        var rows = Tensor<float>.Create([tokens, heads, columns]);
        foreach (ref var x in rows.AsSpan())
            x = random.NextSingle() * 2 - 1;
        return rows;
    }
}
