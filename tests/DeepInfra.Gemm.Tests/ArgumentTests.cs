// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Gemm.Tests;

/// <summary>Every broken rule names its argument, what was expected and what came.</summary>
public sealed class ArgumentTests
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
    public void Fp8Gemm_Null_Throws()
    {
        Fails<ArgumentNullException>(() => s_ops.Fp8GemmNT(default, B, _d), "a");
        Fails<ArgumentNullException>(() => s_ops.Fp8GemmNT(A, new(_b, null!), _d), "b");
        Fails<ArgumentNullException>(() => s_ops.Fp8GemmNT(A, B, null!), "d");
    }

    [Fact]
    public void Fp8Gemm_Disposed_Throws()
    {
        _b.Dispose();

        var call = () => s_ops.Fp8GemmNT(A, B, _d);

        call.Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void Gemm_WrongElementType_Throws()
    {
        var bf16 = Tensor<BFloat16>.Create([M, K]);
        Fails(
            () => s_ops.Fp8GemmNT(new(bf16, _scalesA), B, _d),
            "a",
            "expected Float8E4M3, got BFloat16"
        );
        Fails(
            () => s_ops.Fp8GemmNT(new(_a, _scalesA, IsFp4: true), B, _d),
            "a",
            "expected UInt8, got Float8E4M3"
        );
        Fails(() => s_ops.Bf16GemmNT(bf16, _b, _d), "b", "expected BFloat16");
        Fails(
            () => s_ops.Fp8GemmNT(A, B, Tensor<Half>.Create([M, N])),
            "d",
            "expected BFloat16 or Float32, got Float16"
        );
        Fails(
            () => s_ops.Fp8GemmNT(new(_a, Tensor<BFloat16>.Create([M, 2])), B, _d),
            "a",
            "Float32, Float8E8M0 or packed Int32, got BFloat16"
        );
    }

    [Fact]
    public void Fp8Gemm_WrongShape_Throws()
    {
        Fails(
            () => s_ops.Fp8GemmNT(A, new(Tensor<Float8E4M3>.Create([N, 128]), _scalesB), _d),
            "b",
            "expected K = 256 as in a, got 128"
        );
        Fails(() => s_ops.Fp8GemmNN(A, B, _d), "b", "expected K = 256 as in a, got 32");
        Fails(
            () => s_ops.Fp8GemmNT(A, B, Tensor<float>.Create([N, M])),
            "d",
            "expected M = 16, N = 32, got [32,16]"
        );
        Fails(
            () => s_ops.Fp8GemmNT(new(_a.AsReshaped([1, M, K]), _scalesA), B, _d),
            "a",
            "expected [rows, K], got [1,16,256]"
        );
        Fails(
            () => s_ops.Fp8GemmNT(A, B, Tensor<float>.Create([M * N])),
            "d",
            "expected [M, N], got [512]"
        );
    }

    [Fact]
    public void Fp8Gemm_WrongScaleShape_Throws()
    {
        Fails(
            () => s_ops.Fp8GemmNT(new(_a, _scalesA.AsTransposed()), B, _d),
            "a",
            "expected scales [16,2] for 1x128 blocks, got [2,16]"
        );
        Fails(
            () => s_ops.Fp8GemmNT(A, new(_b, Tensor<float>.Create([N, 2])), _d),
            "b",
            "expected scales [1,2] for 128x128 blocks, got [32,2]"
        );
        Fails(
            () => s_ops.Fp8GemmNT(A, new(_b, Tensor<int>.Create([N, 2])), _d),
            "b",
            "expected scales [32,1] for 1x128 blocks, got [32,2]"
        );
        Fails(
            () =>
                s_ops.Fp8GemmTN(
                    new(_a.AsTransposed(), _scalesA),
                    new(_b.AsTransposed(), _scalesB.AsTransposed()),
                    _d
                ),
            "a",
            "expected scales [2,16] for 1x128 blocks, got [16,2]"
        );
    }

    [Fact]
    public void Gemm_WrongStrides_Throws()
    {
        var strided = Tensor<Float8E4M3>.Create([M, K, 2]).AsSelected(2, 0);
        Fails(
            () => s_ops.Fp8GemmNT(new(strided, _scalesA), B, _d),
            "a",
            "expected stride 1 in one of the last two dimensions, got shape [16,256] with strides [512,2]"
        );
        Fails(
            () => s_ops.Fp8GemmNT(A, B, Tensor<float>.Create([N, M]).AsTransposed()),
            "d",
            "expected N contiguous"
        );
        Fails(
            () =>
                s_ops.MGroupedBf16GemmMasked(
                    Tensor<BFloat16>.Create([2, 32, 64]).AsSlice(1, 0, 16),
                    Tensor<BFloat16>.Create([2, N, 64]),
                    Tensor<float>.Create([2, M, N]),
                    Tensor<int>.Create([2]),
                    1
                ),
            "a",
            "expected groups 1024 elements apart, got 2048"
        );
    }

    [Fact]
    public unsafe void Gemm_Misaligned_Throws()
    {
        var odd = Tensor<Float8E4M3>.Create([M, K + 8]);
        Fails(
            () => s_ops.Fp8GemmNT(new(odd.AsSlice(1, 0, K), _scalesA), B, _d),
            "a",
            "expected rows that start at multiples of 16 bytes, got a stride of 264 Float8E4M3 elements"
        );
        var shifted = Tensor<Float8E4M3>.Create([M, K + 16]).AsSlice(1, 8, K);
        Fails(
            () => s_ops.Fp8GemmNT(new(shifted, _scalesA), B, _d),
            "a",
            "expected an address that is a multiple of 16"
        );
        Fails(
            () => s_ops.Fp8GemmNT(A, B, Tensor<float>.Create([M, N + 4]).AsSlice(1, 2, N)),
            "d",
            "expected an address that is a multiple of 16"
        );
        Fails(
            () =>
                s_ops.Bf16GemmNT(
                    Tensor<BFloat16>.Create([M, 12]),
                    Tensor<BFloat16>.Create([N, 12]),
                    _d
                ),
            "a",
            "a stride of 12 BFloat16"
        );
    }

    [Fact]
    public void Fp8Gemm_BadRecipe_Throws()
    {
        var recipe = new ScaleRecipe(1, 128, 128);
        Fails(
            () =>
                s_ops.Fp8GemmNT(
                    A,
                    B,
                    _d,
                    new GemmCall { Recipe = recipe, RecipeA = new OperandRecipe(1, 128) }
                ),
            "Recipe",
            "either Recipe or both"
        );
        Fails(
            () => s_ops.Fp8GemmNT(A, B, _d, new GemmCall { RecipeA = new OperandRecipe(1, 128) }),
            "RecipeB",
            "expected both or neither"
        );
        Fails<ArgumentOutOfRangeException>(
            () => s_ops.Fp8GemmNT(A, B, _d, new GemmCall { Recipe = recipe with { GranK = 100 } }),
            "Recipe",
            "expected 32, 64 or 128 elements along K per scale, got 100"
        );
        Fails<ArgumentOutOfRangeException>(
            () => s_ops.Fp8GemmNT(A, B, _d, new GemmCall { Recipe = recipe with { GranN = 0 } }),
            "Recipe",
            "at least 1 row per scale, got 0"
        );
        var bf16 = Tensor<BFloat16>.Create([M, K]);
        Fails(
            () =>
                s_ops.Bf16GemmNT(
                    bf16,
                    bf16,
                    Tensor<float>.Create([M, M]),
                    new GemmCall { Recipe = recipe }
                ),
            "Recipe",
            "BFloat16 operands have no scales"
        );
    }

    [Fact]
    public void Gemm_BadAccumulate_Throws()
    {
        Fails(
            () => Accumulate(_d, Tensor<BFloat16>.Create([M, N])),
            "Accumulate",
            "expected Float32, got BFloat16"
        );
        Fails(
            () => Accumulate(_d, Tensor<float>.Create([M, N + 4])),
            "Accumulate",
            "expected the shape of D, [16,32], got [16,36]"
        );
        var storage = Tensor<float>.Create([2 * M, N]);
        Fails(
            () => Accumulate(storage.AsSlice(0, 0, M), storage.AsSlice(0, 1, M)),
            "Accumulate",
            "must be D itself"
        );
        var wide = Tensor<float>.Create([M, 2 * N]);
        Fails(
            () => Accumulate(wide.AsSlice(1, 0, N), wide.AsReshaped([2 * M, N]).AsSlice(0, 0, M)),
            "Accumulate",
            "must be D itself"
        );
        // Neighbouring columns interleave in memory without sharing it; they only count as overlap.
        Accumulate(_d, _d);

        void Accumulate(Tensor d, Tensor c) =>
            s_ops.Fp8GemmNT(A, B, d, new GemmCall { Accumulate = c });
    }

    [Fact]
    public void Gemm_BadBias_Throws()
    {
        Fails(
            () => Bias(Tensor<float>.Create([N + 1])),
            "Bias",
            "expected [32] contiguous, got [33]"
        );
        Fails(
            () => Bias(Tensor<int>.Create([N])),
            "Bias",
            "expected Float32 or BFloat16, got Int32"
        );

        void Bias(Tensor bias) => s_ops.Fp8GemmNT(A, B, _d, new GemmCall { Bias = bias });
    }

    [Fact]
    public unsafe void Gemm_CudaTensor_IsNotSupported()
    {
        var cuda = Tensor<Float8E4M3>.Wrap((Float8E4M3*)0x10000, [M, K], device: Device.Cuda(0));

        var call = () => s_ops.Fp8GemmNT(new(cuda, _scalesA), B, _d);

        call.Should().Throw<NotSupportedException>().WithMessage("a:*CPU only*cuda:0");
    }

    [Fact]
    public void Gemm_UnknownLayout_Throws()
    {
        Fails<ArgumentOutOfRangeException>(() => s_ops.Fp8Gemm(A, B, _d, (GemmLayout)9), "layout");
    }

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
            "Ends[1]: expected 5 to 16, got 4"
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
        Fails(() => s_ops.KGroupedBf16Gemm(a, b, d, Ends(16, 50)), "a", "expected K at least 50");
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

    [Fact]
    public void GemmOptions_BadAlignment_Throws()
    {
        Fails<ArgumentOutOfRangeException>(() => _ = new GemmOptions { MkAlignment = 0 }, "value");
        Fails<ArgumentNullException>(() => GemmContext.CreateCpu(null!), "options");
    }

    private static ScaledTensor Grouped(int groups) =>
        new(Tensor<Float8E4M3>.Create([groups, N, K]), Tensor<float>.Create([groups, 1, 2]));

    private static PrefixSumLayout Ends(params int[] ends) =>
        new(Tensor<int>.FromSpan(ends, [ends.Length]));

    private static void Fails(Action call, string name, string message) =>
        Fails<ArgumentException>(call, name, message);

    private static void Fails<TException>(Action call, string name, string message = "")
        where TException : ArgumentException
    {
        var thrown = call.Should().Throw<TException>().Which;
        thrown.ParamName.Should().Be(name);
        if (message.Length > 0)
            thrown.Message.Should().Contain(message);
    }

    private static void NotSupported(Action call, string name) =>
        call.Should().Throw<NotSupportedException>().WithMessage($"{name}:*");
}
