// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.Gemm.Operands;

namespace DeepInfra.Gemm;

public sealed partial class GemmOperators
{
    /// <summary>Rows of A belong to groups, each group has its own B: D[rows of g] = A[rows of g]·B[g].</summary>
    /// <param name="a">E4M3 [M,K] with one scale per row; see <see cref="Fp8Gemm"/>.</param>
    /// <param name="b">E4M3 [G,N,K] (NT) or [G,K,N] (NN); scales with the same leading G.</param>
    /// <param name="d">[M,N] BFloat16 or Float32.</param>
    /// <param name="groups">Which rows belong to which group.</param>
    /// <param name="layout">NT or NN.</param>
    /// <param name="call">Optional arguments; accumulation and bias are not supported.</param>
    /// <inheritdoc cref="Fp8Gemm" path="/exception"/>
    /// <remarks>
    /// G, N and K must be positive; with M = 0 nothing happens. Rows without a group are not read; in D they become zero
    /// (<see cref="PrefixSumLayout.EnsureZeroPadding"/> can leave them as they are).
    /// </remarks>
    public void MGroupedFp8Gemm(
        ScaledTensor a,
        ScaledTensor b,
        Tensor d,
        GroupLayout groups,
        GemmLayout layout = GemmLayout.NT,
        in GemmCall call = default
    )
    {
        RequireGroupedCall(call);
        var transposedB = TransposedGrouped(layout);
        var matrixA = OperandReader.ReadMatrix(a.Data, Fp8Kind(a), false, rank: 2, nameof(a));
        var matrixB = OperandReader.ReadMatrix(b.Data, Fp8Kind(b), transposedB, rank: 3, nameof(b));
        RequireSameK(matrixA, matrixB);
        var (recipeA, recipeB) = RecipeResolver.Resolve(call, a, b);
        RequirePerRow(recipeA);
        var scalesA = ReadScales(a, recipeA, matrixA, groups: null, transposed: false, nameof(a));
        var scalesB = ReadScales(b, recipeB, matrixB, matrixB.Groups, transposedB, nameof(b));
        RequireSeparate(d, a, b, call);
        Contiguous("fp8_m_grouped_contiguous", matrixA, scalesA, matrixB, scalesB, d, groups, call);
        KeepAlive(a, b);
    }

    /// <summary>Rows of A belong to groups, each group has its own B: D[rows of g] = A[rows of g]·B[g].</summary>
    /// <param name="a">BFloat16 [M,K].</param>
    /// <param name="b">BFloat16 [G,N,K] (NT) or [G,K,N] (NN).</param>
    /// <param name="d">[M,N] BFloat16 or Float32.</param>
    /// <param name="groups">Which rows belong to which group.</param>
    /// <param name="layout">NT or NN.</param>
    /// <param name="call">Optional arguments; accumulation, bias and recipes are not supported.</param>
    /// <inheritdoc cref="Fp8Gemm" path="/exception"/>
    /// <inheritdoc cref="MGroupedFp8Gemm" path="/remarks"/>
    public void MGroupedBf16Gemm(
        Tensor a,
        Tensor b,
        Tensor d,
        GroupLayout groups,
        GemmLayout layout = GemmLayout.NT,
        in GemmCall call = default
    )
    {
        RequireGroupedCall(call);
        RequireNoRecipe(call);
        var matrixA = OperandReader.ReadMatrix(
            a,
            ElementKind.BFloat16,
            transposed: false,
            rank: 2,
            nameof(a)
        );
        var matrixB = OperandReader.ReadMatrix(
            b,
            ElementKind.BFloat16,
            TransposedGrouped(layout),
            rank: 3,
            nameof(b)
        );
        RequireSameK(matrixA, matrixB);
        RequireSeparate(d, a, b, call);
        Contiguous(
            "bf16_m_grouped_contiguous",
            matrixA,
            ScaleOperand.None,
            matrixB,
            ScaleOperand.None,
            d,
            groups,
            call
        );
        GC.KeepAlive(a);
        GC.KeepAlive(b);
    }

    /// <summary>Every group has room for M rows, of which the first few are valid: D[g] = A[g]·B[g]ᵀ.</summary>
    /// <param name="a">E4M3 [G,M,K], scales [G, M, ceil(K/128)].</param>
    /// <param name="b">E4M3 [G,N,K], scales with the same leading G.</param>
    /// <param name="d">[G,M,N] BFloat16 or Float32; rows that are not valid keep their contents.</param>
    /// <param name="maskedM">Int32 [G], contiguous: valid rows of each group, 0 to M.</param>
    /// <param name="expectedM">Rows per group to expect, positive: a hint that does not change the result.</param>
    /// <param name="call">Optional arguments; accumulation and bias are not supported.</param>
    /// <inheritdoc cref="Fp8Gemm" path="/exception"/>
    /// <remarks>G, M, N and K must be positive.</remarks>
    public void MGroupedFp8GemmMasked(
        ScaledTensor a,
        ScaledTensor b,
        Tensor d,
        Tensor maskedM,
        int expectedM,
        in GemmCall call = default
    )
    {
        RequireGroupedCall(call);
        var matrixA = OperandReader.ReadMatrix(a.Data, Fp8Kind(a), false, rank: 3, nameof(a));
        var matrixB = OperandReader.ReadMatrix(b.Data, Fp8Kind(b), false, rank: 3, nameof(b));
        RequireSameK(matrixA, matrixB);
        var (recipeA, recipeB) = RecipeResolver.Resolve(call, a, b);
        var scalesA = ReadScales(a, recipeA, matrixA, matrixA.Groups, false, nameof(a));
        var scalesB = ReadScales(b, recipeB, matrixB, matrixB.Groups, false, nameof(b));
        RequireSeparate(d, a, b, call);
        Masked(
            "fp8_m_grouped_masked",
            matrixA,
            scalesA,
            matrixB,
            scalesB,
            d,
            maskedM,
            expectedM,
            call
        );
        KeepAlive(a, b);
    }

    /// <summary>Every group has room for M rows, of which the first few are valid: D[g] = A[g]·B[g]ᵀ.</summary>
    /// <param name="a">BFloat16 [G,M,K].</param>
    /// <param name="b">BFloat16 [G,N,K].</param>
    /// <param name="d">[G,M,N] BFloat16 or Float32; rows that are not valid keep their contents.</param>
    /// <param name="maskedM">Int32 [G], contiguous: valid rows of each group, 0 to M.</param>
    /// <param name="expectedM">Rows per group to expect, positive: a hint that does not change the result.</param>
    /// <param name="call">Optional arguments; accumulation, bias and recipes are not supported.</param>
    /// <inheritdoc cref="Fp8Gemm" path="/exception"/>
    /// <inheritdoc cref="MGroupedFp8GemmMasked" path="/remarks"/>
    public void MGroupedBf16GemmMasked(
        Tensor a,
        Tensor b,
        Tensor d,
        Tensor maskedM,
        int expectedM,
        in GemmCall call = default
    )
    {
        RequireGroupedCall(call);
        RequireNoRecipe(call);
        var matrixA = OperandReader.ReadMatrix(
            a,
            ElementKind.BFloat16,
            transposed: false,
            rank: 3,
            nameof(a)
        );
        var matrixB = OperandReader.ReadMatrix(
            b,
            ElementKind.BFloat16,
            transposed: false,
            rank: 3,
            nameof(b)
        );
        RequireSameK(matrixA, matrixB);
        RequireSeparate(d, a, b, call);
        Masked(
            "bf16_m_grouped_masked",
            matrixA,
            ScaleOperand.None,
            matrixB,
            ScaleOperand.None,
            d,
            maskedM,
            expectedM,
            call
        );
        GC.KeepAlive(a);
        GC.KeepAlive(b);
    }

    private unsafe void Contiguous(
        string operation,
        in MatrixOperand a,
        in ScaleOperand scalesA,
        in MatrixOperand b,
        in ScaleOperand scalesB,
        Tensor d,
        GroupLayout groups,
        in GemmCall call
    )
    {
        ArgumentNullException.ThrowIfNull(groups);
        if (a.Kind == ElementKind.Float4E2M1 && !a.KMajor)
            throw new NotSupportedException(
                "a: FP4 rows of different groups can share a byte when M is contiguous; use K contiguous"
            );
        var output = OperandReader.ReadOutput(d, rank: 2, nameof(d));
        RequireOutputShape(output.M, output.N, a.Mn, b.Mn, d);
        RequirePositive(b.Groups, b.Mn, b.K);
        var problem = Describe(a, scalesA, b, scalesB, output, default, call);
        var layout = groups switch
        {
            MIndicesLayout indices => OperandReader.ReadIntegers(
                indices.Indices,
                a.Mn,
                nameof(indices.Indices)
            ),
            PrefixSumLayout ends => OperandReader.ReadIntegers(
                ends.Ends,
                b.Groups,
                nameof(ends.Ends)
            ),
            _ => throw new NotSupportedException($"groups: unknown layout {groups}"),
        };
        var byIndex = groups is MIndicesLayout;
        var capacity = byIndex ? SegmentBuilder.CountRuns(layout, b.Groups) : 2 * layout.Length;
        using var memory = CpuScratch.Rent((nuint)capacity * (nuint)sizeof(GemmSegment));
        var builder = new SegmentBuilder(
            a,
            scalesA,
            b,
            scalesB,
            output,
            (GemmSegment*)memory.Pointer
        );
        if (byIndex)
            builder.AddRuns(layout);
        else
            builder.AddRanges(
                layout,
                _context.MkAlignment,
                ((PrefixSumLayout)groups).EnsureZeroPadding
            );
        builder.Finish(ref problem);
        GC.KeepAlive(groups);
        Run(operation, ref problem, d, call);
    }

    private unsafe void Masked(
        string operation,
        in MatrixOperand a,
        in ScaleOperand scalesA,
        in MatrixOperand b,
        in ScaleOperand scalesB,
        Tensor d,
        Tensor maskedM,
        int expectedM,
        in GemmCall call
    )
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(expectedM, 1);
        var output = OperandReader.ReadOutput(d, rank: 3, nameof(d));
        if (b.Groups != a.Groups)
            throw Errors.Argument(
                nameof(b),
                $"b: expected {a.Groups} groups as in a, got {b.Groups}"
            );
        if (output.Groups != a.Groups)
            throw Errors.Argument(
                nameof(d),
                $"d: expected {a.Groups} groups as in a, got {d.Shape}"
            );
        RequireOutputShape(output.M, output.N, a.Mn, b.Mn, d);
        RequirePositive(b.Groups, b.Mn, b.K);
        if (a.Mn == 0)
            throw Errors.Argument(nameof(a), "a: expected M > 0, got 0");
        var problem = Describe(a, scalesA, b, scalesB, output, default, call);
        using var memory = CpuScratch.Rent((nuint)a.Groups * (nuint)sizeof(GemmSegment));
        var builder = new SegmentBuilder(
            a,
            scalesA,
            b,
            scalesB,
            output,
            (GemmSegment*)memory.Pointer
        );
        builder.AddMasked(OperandReader.ReadIntegers(maskedM, a.Groups, nameof(maskedM)));
        GC.KeepAlive(maskedM);
        builder.Finish(ref problem);
        Run(operation, ref problem, d, call);
    }

    private static bool TransposedGrouped(GemmLayout layout) =>
        layout switch
        {
            GemmLayout.NT => false,
            GemmLayout.NN => true,
            _ => throw new NotSupportedException(
                $"layout: groups of rows need A [M,K]: NT or NN, got {layout}"
            ),
        };

    private static void RequireGroupedCall(in GemmCall call)
    {
        if (call.Accumulate is not null)
            throw new NotSupportedException(
                "Accumulate: multiplications with groups of rows do not accumulate"
            );
        if (call.Bias is not null)
            throw new NotSupportedException(
                "Bias: multiplications with groups of rows add no bias"
            );
    }

    private static void RequirePerRow(OperandRecipe recipe)
    {
        if (recipe.GranMn != 1)
            throw new NotSupportedException(
                $"RecipeA: groups may start at any row, so A needs one scale per row, got {recipe.GranMn} rows per scale"
            );
    }

    private static void RequirePositive(int groups, int n, int k)
    {
        if (groups < 1 || n < 1 || k < 1)
            throw Errors.Argument(
                "b",
                $"b: expected groups, N and K > 0, got {groups}, {n} and {k}"
            );
    }
}
