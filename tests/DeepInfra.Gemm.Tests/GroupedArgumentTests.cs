// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using static DeepInfra.Gemm.Tests.ArgumentAssertions;

namespace DeepInfra.Gemm.Tests;

/// <summary>Broken rules of grouped multiplications.</summary>
public sealed class GroupedArgumentTests
{
    private const int M = 16;
    private const int N = 32;
    private const int K = 256;

    private static readonly GemmOperators s_ops = GemmContext.Cpu.Ops;

    private readonly Tensor<Float8E4M3> _a = Tensor<Float8E4M3>.Create([M, K]);
    private readonly Tensor<Float8E4M3> _b = Tensor<Float8E4M3>.Create([N, K]);
    private readonly Tensor<float> _scalesA = Tensor<float>.Create([M, 2]);
    private readonly Tensor<float> _scalesB = Tensor<float>.Create([1, 2]);
    private readonly Tensor<float> _d = Tensor<float>.Create([M, N]);

    private ScaledTensor A => new(_a, _scalesA);
    private ScaledTensor B => new(_b, _scalesB);

    [Fact]
    public void MGroupedGemm_BadArguments_Throw()
    {
        var b = Grouped(2);
        var rows = new MIndicesLayout(Tensor<int>.Create([M]));
        Fails<ArgumentNullException>(() => s_ops.MGroupedFp8Gemm(A, b, _d, null!), "groups");
        Fails(
            () => s_ops.MGroupedFp8Gemm(A, b, _d, new MIndicesLayout(Tensor<int>.Create([M + 1]))),
            "Indices",
            "expected [16] contiguous, got [17]"
        );
        Fails(
            () => s_ops.MGroupedFp8Gemm(A, b, _d, new MIndicesLayout(Tensor<long>.Create([M]))),
            "Indices",
            "expected Int32, got Int64"
        );
        Fails<ArgumentOutOfRangeException>(
            () => s_ops.MGroupedFp8Gemm(A, b, _d, Indices(2)),
            "Indices",
            "Indices[3]: expected -1 or a group below 2, got 2"
        );
        Fails<ArgumentOutOfRangeException>(
            () => s_ops.MGroupedFp8Gemm(A, b, _d, Indices(-2)),
            "Indices",
            "got -2"
        );
        Fails<ArgumentOutOfRangeException>(
            () => s_ops.MGroupedFp8Gemm(A, b, _d, Ends(5, 4)),
            "Ends",
            "Ends[1]: expected 5, because the group would start at 128 and the limit is 16, got 4"
        );
        Fails<ArgumentOutOfRangeException>(
            () => s_ops.MGroupedFp8Gemm(A, b, _d, Ends(-1, 5)),
            "Ends",
            "got -1"
        );
        Fails<ArgumentOutOfRangeException>(
            () => s_ops.MGroupedFp8Gemm(A, b, _d, Ends(5, 17)),
            "Ends",
            "got 17"
        );
        Fails(() => s_ops.MGroupedFp8Gemm(A, b, _d, Ends(5)), "Ends", "expected [2] contiguous");
        Fails(
            () => s_ops.MGroupedFp8Gemm(A, Grouped(0), _d, rows),
            "b",
            "expected groups, N and K > 0, got 0, 32 and 256"
        );
        NotSupported(() => s_ops.MGroupedFp8Gemm(A, b, _d, rows, GemmLayout.TN), "layout");
        NotSupported(
            () => s_ops.MGroupedFp8Gemm(A, b, _d, rows, call: new GemmCall { Accumulate = _d }),
            "Accumulate"
        );
        NotSupported(
            () =>
                s_ops.MGroupedFp8Gemm(
                    A,
                    b,
                    _d,
                    rows,
                    call: new GemmCall { Bias = Tensor<float>.Create([N]) }
                ),
            "Bias"
        );
        NotSupported(
            () =>
                s_ops.MGroupedFp8Gemm(
                    new(_a, Tensor<float>.Create([1, 2])),
                    b,
                    _d,
                    rows,
                    call: new GemmCall { Recipe = new ScaleRecipe(128, 128, 128) }
                ),
            "RecipeA"
        );

        static MIndicesLayout Indices(int third)
        {
            var indices = Tensor<int>.Create([M]);
            indices.AsSpan()[3] = third;
            return new MIndicesLayout(indices);
        }
    }

    [Fact]
    public void MGroupedGemmMasked_BadArguments_Throw()
    {
        var a = new ScaledTensor(
            Tensor<Float8E4M3>.Create([2, M, K]),
            Tensor<float>.Create([2, M, 2])
        );
        var d = Tensor<float>.Create([2, M, N]);
        var masked = Tensor<int>.FromSpan([3, 16], [2]);
        Fails<ArgumentOutOfRangeException>(
            () => s_ops.MGroupedFp8GemmMasked(a, Grouped(2), d, masked, 0),
            "expectedM"
        );
        Fails(
            () => s_ops.MGroupedFp8GemmMasked(a, Grouped(3), d, masked, 1),
            "b",
            "expected 2 groups as in a, got 3"
        );
        Fails(
            () => s_ops.MGroupedFp8GemmMasked(a, Grouped(2), d, Tensor<int>.Create([3]), 1),
            "maskedM",
            "expected [2] contiguous, got [3]"
        );
        Fails<ArgumentOutOfRangeException>(
            () =>
                s_ops.MGroupedFp8GemmMasked(
                    a,
                    Grouped(2),
                    d,
                    Tensor<int>.FromSpan([17, 0], [2]),
                    1
                ),
            "maskedM",
            "maskedM[0]: expected 0 to 16, got 17"
        );
        Fails<ArgumentOutOfRangeException>(
            () =>
                s_ops.MGroupedFp8GemmMasked(
                    a,
                    Grouped(2),
                    d,
                    Tensor<int>.FromSpan([3, -1], [2]),
                    1
                ),
            "maskedM",
            "maskedM[1]: expected 0 to 16, got -1"
        );
        Fails(
            () =>
                s_ops.MGroupedFp8GemmMasked(
                    a,
                    Grouped(2),
                    Tensor<float>.Create([3, M, N]),
                    masked,
                    1
                ),
            "d",
            "expected 2 groups"
        );
        Fails(
            () =>
                s_ops.MGroupedBf16GemmMasked(
                    Tensor<BFloat16>.Create([2, 0, 64]),
                    Tensor<BFloat16>.Create([2, N, 64]),
                    Tensor<float>.Create([2, 0, N]),
                    masked,
                    1
                ),
            "a",
            "expected M > 0"
        );
    }

    [Fact]
    public void KGroupedGemm_BadArguments_Throw()
    {
        var a = Tensor<BFloat16>.Create([48, M]);
        var b = Tensor<BFloat16>.Create([48, N]);
        var d = Tensor<float>.Create([2, M, N]);
        Fails(
            () => s_ops.KGroupedBf16Gemm(a, b, d, [48]),
            "ks",
            "expected 2 groups as in d, got 1"
        );
        Fails<ArgumentOutOfRangeException>(
            () => s_ops.KGroupedBf16Gemm(a, b, d, [50, -2]),
            "ks",
            "ks[1]: expected 0 or more, got -2"
        );
        Fails(
            () => s_ops.KGroupedBf16Gemm(a, b, d, [16, 16]),
            "a",
            "expected K = 32 as the groups say, got [48,16]"
        );
        Fails(
            () => s_ops.KGroupedBf16Gemm(a, a, d, [16, 32]),
            "b",
            "expected 32 columns as in d, got [48,16]"
        );
        Fails<ArgumentOutOfRangeException>(
            () => s_ops.KGroupedBf16Gemm(a, b, d, Ends(-16, 32)),
            "Ends",
            "got -16"
        );
        Fails(() => s_ops.KGroupedBf16Gemm(a, b, d, Ends(16, 150)), "a", "expected K at least 150");
        Fails<ArgumentOutOfRangeException>(
            () => s_ops.KGroupedBf16Gemm(a, b, d, Ends(16, 50)),
            "Ends",
            "Ends[1]: expected 16, or 128 to"
        );
        Fails<ArgumentOutOfRangeException>(
            () => s_ops.KGroupedBf16Gemm(a, b, d, [int.MaxValue, 1]),
            "ks",
            "ks[1]: expected a sum of at most 2147483647, got 2147483648"
        );
        Fails(
            () => s_ops.KGroupedBf16Gemm(a, b, d, [16, 32], GemmLayout.NT),
            "a",
            "expected [16 rows x K 48 of all groups = 768] contiguous"
        );
        Fails(
            () =>
                s_ops.KGroupedBf16Gemm(
                    Tensor<BFloat16>.Create([48 * M]),
                    Tensor<BFloat16>.Create([48 * N]),
                    d,
                    [20, 28],
                    GemmLayout.NT
                ),
            "a",
            "a stride of 20 BFloat16"
        );
        NotSupported(() => s_ops.KGroupedBf16Gemm(a, b, d, [16, 32], GemmLayout.NN), "layout");
        NotSupported(
            () =>
                s_ops.KGroupedBf16Gemm(
                    a,
                    b,
                    d,
                    [16, 32],
                    call: new GemmCall { Bias = Tensor<float>.Create([N]) }
                ),
            "Bias"
        );
        NotSupported(
            () =>
                s_ops.KGroupedFp8Gemm(
                    new(Tensor<byte>.Create([48, 16]), _scalesA, IsFp4: true),
                    B,
                    d,
                    [16, 32]
                ),
            "a"
        );
        Fails(
            () =>
                s_ops.KGroupedFp8Gemm(
                    new(Tensor<Float8E4M3>.Create([48, M]), Tensor<float>.Create([1, M])),
                    new(Tensor<Float8E4M3>.Create([48, N]), Tensor<float>.Create([2, N])),
                    d,
                    [16, 32]
                ),
            "a",
            "expected scales [2,16] for 1x128 blocks, got [1,16]"
        );
    }

    private static ScaledTensor Grouped(int groups) =>
        new(Tensor<Float8E4M3>.Create([groups, N, K]), Tensor<float>.Create([groups, 1, 2]));

    private static PrefixSumLayout Ends(params int[] ends) =>
        new(Tensor<int>.FromSpan(ends, [ends.Length]));
}
