// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Gemm;
using DeepInfra.Gemm.Reference;
using FluentAssertions;
using Xunit;

namespace DeepInfra.Conformance.Gemm;

/// <summary>Groups along K: weight gradients.</summary>
public abstract class KGroupedGemmConformance<TBackend>
    where TBackend : struct, IGemmBackend
{
    private const int M = 72;
    private const int N = 136;

    /// <summary>K of every group.</summary>
    public static TheoryData<int[]> Groups =>
        new()
        {
            { [128] },
            { [128, 128, 256, 0, 384] },
            { [0, 0] },
            { [16, 208, 32] },
            { [0, 130, 7] },
        };

    /// <summary>K of every group, all multiples of 16 elements.</summary>
    public static TheoryData<int[]> FlatGroups =>
        new()
        {
            { [128] },
            { [256, 128, 0, 384] },
            { [16, 208, 32] },
        };

    [Theory]
    [MemberData(nameof(Groups))]
    public void KGroupedGemm_RowsOfK_MatchesReference(int[] ks)
    {
        foreach (var variant in Enumerable.Range(0, 4))
        {
            var inputs = new GemmInputs(variant);
            var total = ks.Sum();
            var packed = variant == 3;
            var (a, b) = (Fp8(inputs, total, M, ks, packed), Fp8(inputs, total, N, ks, packed));
            var d = inputs.Output(Type(variant), ks.Length, M, N);
            var before = (variant & 1) != 0 ? d : null;
            var expected = Accumulated(before, ks.Length);

            TBackend
                .Create()
                .Ops.KGroupedFp8Gemm(a, b, d, ks, call: new GemmCall { Accumulate = before });

            CheckFp8(d, a, b, ks, [.. Starts(ks, 1)], expected);

            var (a16, b16) = (inputs.BFloat16s(total, M), inputs.BFloat16s(total, N));
            expected = Accumulated(before, ks.Length);
            TBackend
                .Create()
                .Ops.KGroupedBf16Gemm(a16, b16, d, ks, call: new GemmCall { Accumulate = before });
            CheckBf16(d, a16, b16, ks, [.. Starts(ks, 1)], expected);
        }
    }

    [Theory]
    [MemberData(nameof(FlatGroups))]
    public void KGroupedGemm_FlatGroups_EqualsRowsOfKBitwise(int[] ks)
    {
        var inputs = new GemmInputs(7);
        var (a, b) = (Fp8(inputs, ks.Sum(), M, ks, false), Fp8(inputs, ks.Sum(), N, ks, false));
        var (a16, b16) = (inputs.BFloat16s(ks.Sum(), M), inputs.BFloat16s(ks.Sum(), N));
        var rows = inputs.Output(DType.Float32, ks.Length, M, N);
        var flat = inputs.Output(DType.Float32, ks.Length, M, N);
        var ops = TBackend.Create().Ops;

        ops.KGroupedFp8Gemm(a, b, rows, ks);
        ops.KGroupedFp8Gemm(
            a with
            {
                Data = Flat(a.Data.As<Float8E4M3>(), ks),
            },
            b with
            {
                Data = Flat(b.Data.As<Float8E4M3>(), ks),
            },
            flat,
            ks,
            GemmLayout.NT
        );
        GemmCheck.Bytes(flat).Should().Equal(GemmCheck.Bytes(rows));

        ops.KGroupedBf16Gemm(a16, b16, rows, ks);
        ops.KGroupedBf16Gemm(Flat(a16, ks), Flat(b16, ks), flat, ks, GemmLayout.NT);
        GemmCheck.Bytes(flat).Should().Equal(GemmCheck.Bytes(rows));
    }

    [Theory]
    [InlineData(new[] { 128, 60, 0, 200 }, 128)]
    [InlineData(new[] { 5, 32, 7 }, 32)]
    [InlineData(new[] { 40, 0 }, 1)]
    public void KGroupedGemm_PrefixSums_MatchesReference(int[] ks, int alignment)
    {
        var inputs = new GemmInputs(8);
        int[] starts = [.. Starts(ks, alignment)];
        var total = starts[^1] + ks[^1] + 9;
        var ends = Tensor<int>.FromSpan([.. starts.Zip(ks, (start, k) => start + k)], [ks.Length]);
        var (a, b) = (Fp8(inputs, total, M, ks, false), Fp8(inputs, total, N, ks, false));
        var (a16, b16) = (inputs.BFloat16s(total, M), inputs.BFloat16s(total, N));
        var d = inputs.Output(DType.Float32, ks.Length, M, N);
        var context = TBackend.Create(alignment);

        context.Ops.KGroupedFp8Gemm(a, b, d, new PrefixSumLayout(ends));
        CheckFp8(d, a, b, ks, starts, null);

        context.Ops.KGroupedBf16Gemm(a16, b16, d, new PrefixSumLayout(ends));
        CheckBf16(d, a16, b16, ks, starts, null);
    }

    [Fact]
    public void KGroupedGemm_AccumulateOfItsOwn_IsAddedAndKept()
    {
        int[] ks = [32, 0, 16];
        var inputs = new GemmInputs(12);
        var (a, b) = (inputs.BFloat16s(48, M), inputs.BFloat16s(48, N));
        var c = inputs.Output(DType.Float32, 3, M, N);
        var d = inputs.Output(DType.Float32, 3, M, N);
        var before = GemmCheck.Bytes(c);
        var expected = Accumulated(c, 3);

        TBackend.Create().Ops.KGroupedBf16Gemm(a, b, d, ks, call: new() { Accumulate = c });

        CheckBf16(d, a, b, ks, [.. Starts(ks, 1)], expected);
        GemmCheck.Bytes(d.AsSelected(0, 1)).Should().Equal(GemmCheck.Bytes(c.AsSelected(0, 1)));
        GemmCheck.Bytes(c).Should().Equal(before);
    }

    [Fact]
    public void KGroupedGemm_ManyGroupsRepeated_IsBitwiseEqual()
    {
        int[] ks = [128, 128, 256, 256, 128, 256, 256, 256];
        var inputs = new GemmInputs(10);
        var (a, b) = (Fp8(inputs, ks.Sum(), 96, ks, false), Fp8(inputs, ks.Sum(), 256, ks, false));
        var d = inputs.Output(DType.Float32, ks.Length, 96, 256);
        var ops = TBackend.Create().Ops;
        ops.KGroupedFp8Gemm(a, b, d, ks);
        var first = GemmCheck.Bytes(d);

        for (var i = 0; i < 10; i++)
        {
            ops.KGroupedFp8Gemm(a, b, d, ks);
            GemmCheck.Bytes(d).Should().Equal(first);
        }
    }

    [Fact]
    public void KGroupedGemm_NoRowsOrColumns_WritesNothing()
    {
        var inputs = new GemmInputs(11);
        int[] ks = [16, 32];
        var ops = TBackend.Create().Ops;

        var d = Tensor<float>.Create([2, 0, N]);
        ops.KGroupedBf16Gemm(inputs.BFloat16s(48, 0), inputs.BFloat16s(48, N), d, ks);
        var e = Tensor<float>.Create([2, M, 0]);
        ops.KGroupedBf16Gemm(inputs.BFloat16s(48, M), inputs.BFloat16s(48, 0), e, ks);

        d.ElementCount.Should().Be(0);
        e.ElementCount.Should().Be(0);
    }

    private static DType Type(int variant) => variant == 2 ? DType.BFloat16 : DType.Float32;

    private static ScaledTensor Fp8(GemmInputs inputs, int total, int mn, int[] ks, bool packed)
    {
        var blocks = ks.Sum(k => (k + 127) / 128);
        var words = ks.Sum(k => (k + 511) / 512);
        return new ScaledTensor(
            inputs.Fp8(total, mn),
            packed ? inputs.PackedScales(words, mn) : inputs.Scales(blocks, mn)
        );
    }

    private static double[][,]? Accumulated(Tensor? c, int groups) =>
        c is null
            ? null
            : [.. Enumerable.Range(0, groups).Select(g => GemmCheck.Values(c.AsSelected(0, g)))];

    private static void CheckFp8(
        Tensor d,
        ScaledTensor a,
        ScaledTensor b,
        int[] ks,
        int[] starts,
        double[][,]? accumulated
    )
    {
        var scaleRow = 0;
        for (var group = 0; group < ks.Length; group++)
        {
            var blocks =
                a.Scales.DType == DType.Int32 ? (ks[group] + 511) / 512 : (ks[group] + 127) / 128;
            GemmCheck.ShouldBeProduct(
                d.AsSelected(0, group),
                Group(a, starts[group], ks[group], scaleRow, blocks),
                Group(b, starts[group], ks[group], scaleRow, blocks),
                accumulated?[group],
                because: $"group {group}"
            );
            scaleRow += blocks;
        }
    }

    private static double[,] Group(
        ScaledTensor tensor,
        int start,
        int k,
        int scaleRow,
        int blocks
    ) =>
        ReferenceGemm.Values(
            new(tensor.Data.AsSlice(0, start, k), tensor.Scales.AsSlice(0, scaleRow, blocks)),
            transposed: true,
            new OperandRecipe(1, 128)
        );

    private static void CheckBf16(
        Tensor d,
        Tensor a,
        Tensor b,
        int[] ks,
        int[] starts,
        double[][,]? accumulated
    )
    {
        for (var group = 0; group < ks.Length; group++)
            GemmCheck.ShouldBeProduct(
                d.AsSelected(0, group),
                ReferenceGemm.Values(a.AsSlice(0, starts[group], ks[group]), transposed: true),
                ReferenceGemm.Values(b.AsSlice(0, starts[group], ks[group]), transposed: true),
                accumulated?[group],
                because: $"group {group}"
            );
    }

    private static IEnumerable<int> Starts(int[] ks, int alignment)
    {
        var end = 0;
        foreach (var k in ks)
        {
            var start = (end + alignment - 1) / alignment * alignment;
            yield return start;
            end = start + k;
        }
    }

    /// <summary>[sum of K, rows] as flat groups of [rows, K of the group].</summary>
    private static Tensor<T> Flat<T>(Tensor<T> matrix, int[] ks)
        where T : unmanaged
    {
        var rows = matrix.Shape[1];
        var flat = Tensor<T>.Create([rows * ks.Sum()]);
        var start = 0;
        foreach (var k in ks)
        {
            matrix
                .AsSlice(0, start, k)
                .AsTransposed()
                .CopyTo(flat.AsSlice(0, rows * start, rows * k).AsReshaped([rows, k]));
            start += k;
        }
        return flat;
    }
}
