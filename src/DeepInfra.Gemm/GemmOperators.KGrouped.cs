// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.Gemm.Operands;

namespace DeepInfra.Gemm;

public sealed partial class GemmOperators
{
    /// <summary>Groups along K, one result per group: D[g] = C[g] + A[k of g]·B[k of g]. This is the weight gradient of experts.</summary>
    /// <param name="a">
    /// E4M3. TN: [sum of K, M]. NT: flat, [M, K of the group] one group after the other. Scales in both cases
    /// [sum over groups of ceil(K/128), M]: groups begin at scale rows of their own (packed: at words of their own).
    /// </param>
    /// <param name="b">E4M3, as A with N in place of M.</param>
    /// <param name="d">[G,M,N] Float32 or BFloat16.</param>
    /// <param name="ks">K of every group, 0 or more; the sum is K of A and B. A group of 0 gives D[g] = C[g], or zeros.</param>
    /// <param name="layout">TN or NT.</param>
    /// <param name="call">Optional arguments; the default recipe is (1,1,128), a bias is not supported.</param>
    /// <inheritdoc cref="Fp8Gemm" path="/exception"/>
    public void KGroupedFp8Gemm(
        ScaledTensor a,
        ScaledTensor b,
        Tensor d,
        ReadOnlySpan<int> ks,
        GemmLayout layout = GemmLayout.TN,
        in GemmCall call = default
    )
    {
        RequireFp8(a, b);
        var output = OperandReader.ReadOutput(d, rank: 3, nameof(d));
        using var memory = CpuScratch.Rent(BoundsBytes(output));
        var ranges = KRanges.FromLengths(ks, output.Groups, Bounds(memory, output));
        KGroupedFp8(a, b, d, output, ranges, layout, call);
    }

    /// <summary>Groups along K given by their ends: D[g] = C[g] + A[k of g]·B[k of g].</summary>
    /// <param name="a">
    /// E4M3 [K, M]; scales [sum over groups of ceil(K of the group/128), M], without rows for the gaps between groups.
    /// </param>
    /// <param name="b">E4M3 [K, N], scales as for A.</param>
    /// <param name="d">[G,M,N] Float32 or BFloat16.</param>
    /// <param name="groups">The end of every group along K.</param>
    /// <param name="call">Optional arguments; the default recipe is (1,1,128), a bias is not supported.</param>
    /// <inheritdoc cref="Fp8Gemm" path="/exception"/>
    public void KGroupedFp8Gemm(
        ScaledTensor a,
        ScaledTensor b,
        Tensor d,
        PrefixSumLayout groups,
        in GemmCall call = default
    )
    {
        RequireFp8(a, b);
        var output = OperandReader.ReadOutput(d, rank: 3, nameof(d));
        using var memory = CpuScratch.Rent(BoundsBytes(output));
        var ranges = ReadRanges(groups, Bounds(memory, output));
        KGroupedFp8(a, b, d, output, ranges, GemmLayout.TN, call);
    }

    /// <summary>Groups along K, one result per group: D[g] = C[g] + A[k of g]·B[k of g].</summary>
    /// <param name="a">BFloat16. TN: [sum of K, M]. NT: flat, [M, K of the group] one group after the other.</param>
    /// <param name="b">BFloat16, as A with N in place of M.</param>
    /// <param name="d">[G,M,N] Float32 or BFloat16.</param>
    /// <param name="ks">K of every group, 0 or more; the sum is K of A and B. A group of 0 gives D[g] = C[g], or zeros.</param>
    /// <param name="layout">TN or NT.</param>
    /// <param name="call">Optional arguments; recipes and a bias are not supported.</param>
    /// <inheritdoc cref="Fp8Gemm" path="/exception"/>
    public void KGroupedBf16Gemm(
        Tensor a,
        Tensor b,
        Tensor d,
        ReadOnlySpan<int> ks,
        GemmLayout layout = GemmLayout.TN,
        in GemmCall call = default
    )
    {
        RequireNoRecipe(call);
        var output = OperandReader.ReadOutput(d, rank: 3, nameof(d));
        using var memory = CpuScratch.Rent(BoundsBytes(output));
        var ranges = KRanges.FromLengths(ks, output.Groups, Bounds(memory, output));
        KGroupedBf16(a, b, d, output, ranges, layout, call);
    }

    /// <summary>Groups along K given by their ends: D[g] = C[g] + A[k of g]·B[k of g].</summary>
    /// <param name="a">BFloat16 [K, M].</param>
    /// <param name="b">BFloat16 [K, N].</param>
    /// <param name="d">[G,M,N] Float32 or BFloat16.</param>
    /// <param name="groups">The end of every group along K.</param>
    /// <param name="call">Optional arguments; recipes and a bias are not supported.</param>
    /// <inheritdoc cref="Fp8Gemm" path="/exception"/>
    public void KGroupedBf16Gemm(
        Tensor a,
        Tensor b,
        Tensor d,
        PrefixSumLayout groups,
        in GemmCall call = default
    )
    {
        RequireNoRecipe(call);
        var output = OperandReader.ReadOutput(d, rank: 3, nameof(d));
        using var memory = CpuScratch.Rent(BoundsBytes(output));
        var ranges = ReadRanges(groups, Bounds(memory, output));
        KGroupedBf16(a, b, d, output, ranges, GemmLayout.TN, call);
    }

    private void KGroupedFp8(
        ScaledTensor a,
        ScaledTensor b,
        Tensor d,
        in OutputOperand output,
        KRanges ranges,
        GemmLayout layout,
        in GemmCall call
    )
    {
        var (recipeA, recipeB) = RecipeResolver.Resolve(call, a, b, perRowB: true);
        var matrixA = ReadKGrouped(a.Data, Fp8Kind(a), output.M, ranges, layout, nameof(a));
        var matrixB = ReadKGrouped(b.Data, Fp8Kind(b), output.N, ranges, layout, nameof(b));
        var scalesA = ReadKGroupedScales(a, recipeA, output.M, ranges, nameof(a));
        var scalesB = ReadKGroupedScales(b, recipeB, output.N, ranges, nameof(b));
        RequireSeparate(d, a, b, call);
        KGrouped("fp8_k_grouped", matrixA, scalesA, matrixB, scalesB, d, output, ranges, call);
        KeepAlive(a, b);
    }

    private void KGroupedBf16(
        Tensor a,
        Tensor b,
        Tensor d,
        in OutputOperand output,
        KRanges ranges,
        GemmLayout layout,
        in GemmCall call
    )
    {
        var matrixA = ReadKGrouped(a, ElementKind.BFloat16, output.M, ranges, layout, nameof(a));
        var matrixB = ReadKGrouped(b, ElementKind.BFloat16, output.N, ranges, layout, nameof(b));
        RequireSeparate(d, a, b, call);
        KGrouped(
            "bf16_k_grouped",
            matrixA,
            ScaleOperand.None,
            matrixB,
            ScaleOperand.None,
            d,
            output,
            ranges,
            call
        );
        GC.KeepAlive(a);
        GC.KeepAlive(b);
    }

    private unsafe void KGrouped(
        string operation,
        in MatrixOperand a,
        in ScaleOperand scalesA,
        in MatrixOperand b,
        in ScaleOperand scalesB,
        Tensor d,
        in OutputOperand output,
        KRanges ranges,
        in GemmCall call
    )
    {
        if (call.Bias is not null)
            throw new NotSupportedException(
                "Bias: multiplications with groups along K add no bias"
            );
        var accumulate = OperandReader.ReadAccumulate(call.Accumulate, d);
        var problem = Describe(a, scalesA, b, scalesB, output, accumulate, call);
        using var memory = CpuScratch.Rent((nuint)ranges.Count * (nuint)sizeof(GemmSegment));
        var builder = new SegmentBuilder(
            a,
            scalesA,
            b,
            scalesB,
            output,
            (GemmSegment*)memory.Pointer
        );
        builder.AddKRanges(ranges, accumulate);
        builder.Finish(ref problem);
        Run(operation, ref problem, d, call);
    }

    private static nuint BoundsBytes(in OutputOperand output) =>
        (nuint)output.Groups * 2 * sizeof(int);

    private static unsafe Span<int> Bounds(CpuScratch.Lease memory, in OutputOperand output) =>
        new(memory.Pointer, 2 * output.Groups);

    private KRanges ReadRanges(PrefixSumLayout groups, Span<int> bounds)
    {
        ArgumentNullException.ThrowIfNull(groups);
        var ranges = KRanges.FromEnds(
            OperandReader.ReadIntegers(groups.Ends, bounds.Length / 2, nameof(groups.Ends)),
            _context.MkAlignment,
            bounds
        );
        GC.KeepAlive(groups.Ends);
        return ranges;
    }

    private static MatrixOperand ReadKGrouped(
        Tensor tensor,
        ElementKind kind,
        int mn,
        KRanges ranges,
        GemmLayout layout,
        string name
    )
    {
        if (layout == GemmLayout.NT)
            return OperandReader.ReadFlat(tensor, kind, mn, ranges, name);
        if (layout != GemmLayout.TN)
            throw new NotSupportedException(
                $"layout: groups along K need A [K,M] and B [K,N] (TN) or flat groups (NT), got {layout}"
            );
        var matrix = OperandReader.ReadMatrix(tensor, kind, transposed: true, rank: 2, name);
        if (matrix.Mn != mn)
            throw Errors.Argument(
                name,
                $"{name}: expected {mn} columns as in d, got {tensor.Shape}"
            );
        if (ranges.HasGaps ? matrix.K < ranges.End : matrix.K != ranges.End)
            throw Errors.Argument(
                name,
                $"{name}: expected K {(ranges.HasGaps ? "at least" : "=")} {ranges.End} as the groups say, got {tensor.Shape}"
            );
        return matrix;
    }

    private static ScaleOperand ReadKGroupedScales(
        ScaledTensor tensor,
        OperandRecipe recipe,
        int mn,
        KRanges ranges,
        string name
    ) =>
        OperandReader.ReadScales(
            tensor.Scales,
            recipe,
            mn,
            ranges.Blocks(recipe.GranK),
            ranges.Blocks(4 * recipe.GranK),
            groups: null,
            transposed: true,
            name
        );

    private static void RequireFp8(ScaledTensor a, ScaledTensor b)
    {
        if (a.IsFp4 || b.IsFp4)
            throw new NotSupportedException(
                $"{(a.IsFp4 ? "a" : "b")}: multiplications with groups along K take FP8 operands, got FP4"
            );
    }
}
