// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Gemm;
using DeepInfra.Gemm.Reference;
using FluentAssertions;
using Xunit;

namespace DeepInfra.Conformance.Gemm;

/// <summary>Groups of rows: by index, by prefix sum, masked.</summary>
public abstract class MGroupedGemmConformance<TBackend>
    where TBackend : struct, IGemmBackend
{
    private const int N = 72;
    private const int K = 208;

    /// <summary>Rows of every group, alignment.</summary>
    public static TheoryData<int[], int> Groups =>
        new()
        {
            { [33], 128 },
            { [16, 200, 1, 60], 1 },
            { [16, 200, 1, 60], 16 },
            { [0, 5, 0, 130], 128 },
            { [7, 0], 64 },
            { [0, 0, 0], 128 },
        };

    [Theory]
    [MemberData(nameof(Groups))]
    public void MGroupedGemm_Indices_MatchesReference(int[] rows, int alignment)
    {
        var inputs = new GemmInputs(1);
        var layout = Indices(rows, alignment, out var starts);
        foreach (var operation in Operations(inputs, rows.Length, layout.Length))
        {
            operation.Multiply(TBackend.Create(), new MIndicesLayout(Integers(layout)));

            CheckGroups(operation, rows, starts);
            var result = GemmCheck.Values(operation.D);
            for (var row = 0; row < layout.Length; row++)
                if (layout[row] < 0)
                    RowOf(result, row).Should().Equal(new double[N]);
        }
    }

    [Theory]
    [MemberData(nameof(Groups))]
    public void MGroupedGemm_PrefixSums_MatchesReference(int[] rows, int alignment)
    {
        var inputs = new GemmInputs(2);
        var m = Indices(rows, alignment, out var starts).Length;
        var ends = Integers([.. rows.Zip(starts, (count, start) => start + count)]);
        foreach (var zeroPadding in new[] { true, false })
        foreach (var operation in Operations(inputs, rows.Length, m + 3))
        {
            var before = GemmCheck.Values(operation.D);

            operation.Multiply(
                TBackend.Create(alignment),
                new PrefixSumLayout(ends, ExpectedM: 64, zeroPadding)
            );

            CheckGroups(operation, rows, starts);
            var result = GemmCheck.Values(operation.D);
            for (var group = 0; group < rows.Length; group++)
            {
                var end = starts[group] + rows[group];
                var next = group + 1 < rows.Length ? starts[group + 1] : m;
                for (var row = end; row < next; row++)
                    RowOf(result, row)
                        .Should()
                        .Equal(zeroPadding ? new double[N] : RowOf(before, row));
            }
        }
    }

    [Fact]
    public void MGroupedGemm_IndicesInAnyOrder_MatchesReference()
    {
        var inputs = new GemmInputs(3);
        int[] layout = [.. Enumerable.Repeat(2, 20), .. Enumerable.Repeat(0, 9), -1, 1, 1];
        foreach (var operation in Operations(inputs, 3, layout.Length))
        {
            operation.Multiply(TBackend.Create(), new MIndicesLayout(Integers(layout)));

            CheckGroups(operation, [9, 2, 20], [20, 30, 0]);
            RowOf(GemmCheck.Values(operation.D), 29).Should().Equal(new double[N]);
        }
    }

    [Fact]
    public void MGroupedGemm_AllPadding_GivesZeros()
    {
        var inputs = new GemmInputs(4);
        var layout = new int[40];
        Array.Fill(layout, -1);
        foreach (var operation in Operations(inputs, 2, 40))
        {
            operation.Multiply(TBackend.Create(), new MIndicesLayout(Integers(layout)));

            GemmCheck.Values(operation.D).Cast<double>().Should().OnlyContain(v => v == 0);
        }
    }

    [Fact]
    public void MGroupedGemm_NoRows_WritesNothing()
    {
        foreach (var operation in Operations(new GemmInputs(5), 2, 0))
        {
            operation.Multiply(TBackend.Create(), new MIndicesLayout(Integers([])));
            operation.Multiply(TBackend.Create(), new PrefixSumLayout(Integers([0, 0])));

            operation.D.ElementCount.Should().Be(0);
        }
    }

    [Theory]
    [InlineData(new[] { 5, 0, 20, 33 })]
    [InlineData(new[] { 40, 40 })]
    [InlineData(new[] { 0, 0 })]
    [InlineData(new[] { 1 })]
    public void MGroupedGemmMasked_ValidRows_MatchReferenceAndOthersStay(int[] rows)
    {
        const int M = 40;
        var inputs = new GemmInputs(6);
        var groups = rows.Length;
        var masked = Integers(rows);
        foreach (var type in new[] { DType.Float32, DType.BFloat16 })
        {
            // Groups in one allocation one after the other, so that 3-D views can be made of padding-free data.
            var a = Grouped(inputs.Fp8(groups * M, K), groups, M);
            var b = Grouped(inputs.Fp8(groups * N, K), groups, N);
            var scalesA = inputs.Scales(groups * M, 2);
            var scalesB = inputs.Scales(groups, 2);
            var d = inputs.Output(type, groups, M, N);
            var before = Copy(d);

            TBackend
                .Create()
                .Ops.MGroupedFp8GemmMasked(
                    new(a, scalesA.AsReshaped([groups, M, 2])),
                    new(b, scalesB.AsReshaped([groups, 1, 2])),
                    d,
                    masked,
                    expectedM: 16
                );

            for (var group = 0; group < groups; group++)
                CheckMasked(
                    d.AsSelected(0, group),
                    before.AsSelected(0, group),
                    rows[group],
                    ReferenceGemm.Values(
                        new(a.AsSelected(0, group), scalesA.AsSlice(0, group * M, M)),
                        false,
                        new OperandRecipe(1, 128)
                    ),
                    ReferenceGemm.Values(
                        new(b.AsSelected(0, group), scalesB.AsSlice(0, group, 1)),
                        false,
                        new OperandRecipe(128, 128)
                    )
                );

            var a16 = Grouped(inputs.BFloat16s(groups * M, K), groups, M);
            var b16 = Grouped(inputs.BFloat16s(groups * N, K), groups, N);
            before = Copy(d);
            TBackend.Create().Ops.MGroupedBf16GemmMasked(a16, b16, d, masked, expectedM: 16);
            for (var group = 0; group < groups; group++)
                CheckMasked(
                    d.AsSelected(0, group),
                    before.AsSelected(0, group),
                    rows[group],
                    GemmCheck.Values(a16.AsSelected(0, group)),
                    GemmCheck.Values(b16.AsSelected(0, group))
                );
        }
    }

    private static IEnumerable<Operation> Operations(GemmInputs inputs, int groups, int m)
    {
        foreach (var layout in new[] { GemmLayout.NT, GemmLayout.NN })
        {
            var rowsB = layout == GemmLayout.NT ? N : K;
            var columnsB = layout == GemmLayout.NT ? K : N;
            // FP8 with N contiguous needs rows of a multiple of 16: N is 72, so the second layout keeps K contiguous.
            var b = Grouped(inputs.Fp8(groups * N, K), groups, N);
            var scalesA = inputs.Scales(m, 2);
            var scalesB = inputs.Scales(groups, 2);
            var a = inputs.Fp8(m, K);
            yield return new Operation(
                inputs.Output(DType.BFloat16, m, N),
                ReferenceGemm.Values(new(a, scalesA), false, new OperandRecipe(1, 128)),
                group =>
                    ReferenceGemm.Values(
                        new(b.AsSelected(0, group), scalesB.AsSlice(0, group, 1)),
                        false,
                        new OperandRecipe(128, 128)
                    ),
                (context, d, rows) =>
                    context.Ops.MGroupedFp8Gemm(
                        new(a, scalesA),
                        layout == GemmLayout.NT
                            ? new(b, scalesB.AsReshaped([groups, 1, 2]))
                            : new(
                                b.AsTransposed(),
                                scalesB.AsReshaped([groups, 1, 2]).AsTransposed()
                            ),
                        d,
                        rows,
                        layout
                    )
            );
            var a16 = inputs.BFloat16s(m, K);
            var b16 = Grouped(inputs.BFloat16s(groups * rowsB, columnsB), groups, rowsB);
            yield return new Operation(
                inputs.Output(DType.Float32, m, N),
                GemmCheck.Values(a16),
                group => ReferenceGemm.Values(b16.AsSelected(0, group), layout == GemmLayout.NN),
                (context, d, rows) => context.Ops.MGroupedBf16Gemm(a16, b16, d, rows, layout)
            );
        }
    }

    private static void CheckGroups(Operation operation, int[] rows, int[] starts)
    {
        for (var group = 0; group < rows.Length; group++)
            if (rows[group] > 0)
                GemmCheck.ShouldBeProduct(
                    operation.D.AsSlice(0, starts[group], rows[group]),
                    GemmCheck.Rows(operation.A, starts[group], rows[group]),
                    operation.B(group),
                    because: $"group {group}"
                );
    }

    private static void CheckMasked(Tensor d, Tensor before, int rows, double[,] a, double[,] b)
    {
        GemmCheck.ShouldBeProduct(d.AsSlice(0, 0, rows), GemmCheck.Rows(a, 0, rows), b);
        GemmCheck
            .Bytes(d.AsSlice(0, rows, d.Shape[0] - rows))
            .Should()
            .Equal(GemmCheck.Bytes(before.AsSlice(0, rows, d.Shape[0] - rows)));
    }

    /// <summary>[groups·rows, columns] as a compact [groups, rows, columns].</summary>
    private static Tensor<T> Grouped<T>(Tensor<T> matrix, int groups, int rows)
        where T : unmanaged => matrix.ToContiguous().AsReshaped([groups, rows, matrix.Shape[1]]);

    private static Tensor Copy(Tensor tensor) =>
        tensor is Tensor<float> single
            ? single.ToContiguous()
            : tensor.As<BFloat16>().ToContiguous();

    private static Tensor<int> Integers(int[] values) =>
        Tensor<int>.FromSpan(values, [values.Length]);

    private static int[] Indices(int[] rows, int alignment, out int[] starts)
    {
        var indices = new List<int>();
        starts = new int[rows.Length];
        for (var group = 0; group < rows.Length; group++)
        {
            starts[group] = indices.Count;
            indices.AddRange(Enumerable.Repeat(group, rows[group]));
            while (indices.Count % alignment != 0)
                indices.Add(-1);
        }
        return [.. indices];
    }

    private static double[] RowOf(double[,] matrix, int row) =>
        [.. Enumerable.Range(0, matrix.GetLength(1)).Select(column => matrix[row, column])];

    private sealed record Operation(
        Tensor D,
        double[,] A,
        Func<int, double[,]> B,
        Action<GemmContext, Tensor, GroupLayout> Run
    )
    {
        public void Multiply(GemmContext context, GroupLayout rows) => Run(context, D, rows);
    }
}
