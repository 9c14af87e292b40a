// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using static DeepInfra.Gemm.Tests.ArgumentAssertions;

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
    public unsafe void Gemm_SharedMemory_Throws()
    {
        var inA = Tensor<BFloat16>.Wrap((BFloat16*)_a.DataPointer, [M, N]);
        var inScales = Tensor<float>.Create([M, N]);
        var scales = inScales.AsSlice(1, 4, 2);
        var bias = inScales.AsSelected(0, 3);
        var repeated = Tensor<float>.Wrap(_d.DataPointer, [M, N], new Strides(16, 1));

        Fails(() => s_ops.Fp8GemmNT(A, B, inA), "d", "memory of its own, got memory shared with a");
        Fails(
            () => s_ops.Fp8GemmNT(new(_a, scales), B, inScales),
            "d",
            "memory of its own, got memory shared with the scales of a"
        );
        Fails(
            () => s_ops.Fp8GemmNT(A, B, inScales, new GemmCall { Bias = bias }),
            "d",
            "memory of its own, got memory shared with Bias"
        );
        Fails(
            () => s_ops.Fp8GemmNT(A, B, repeated),
            "d",
            "strides that give every element its own address"
        );
    }

    [Fact]
    public void Gemm_ColumnsSideBySide_ShareNothing()
    {
        // C, D and an operand as columns of one matrix interleave in memory without a byte in common.
        var wide = Tensor<BFloat16>.Create([M, 3 * 32]);
        wide.Fill((BFloat16)1f);
        var a = wide.AsSlice(1, 0, 32);
        var c = wide.AsSlice(1, 32, 32);
        var d = wide.AsSlice(1, 64, 32);
        var b = Tensor<BFloat16>.Create([32, 32]);
        b.Fill((BFloat16)2f);

        s_ops.Bf16GemmNT(a, b, d, new GemmCall { Accumulate = c });

        d.ToArray().Should().OnlyContain(x => x == (BFloat16)65f);
        c.ToArray().Should().OnlyContain(x => x == (BFloat16)1f);
    }

    [Fact]
    public void Gemm_ExtentsBeyond32Bits_Throw()
    {
        var long0 = Tensor<BFloat16>.Create([0, 1L << 32]);
        Fails(
            () => s_ops.Bf16GemmNT(long0, long0, Tensor<float>.Create([0, 0])),
            "a",
            "expected extents of at most"
        );
        Fails(
            () =>
                s_ops.Bf16GemmNT(
                    Tensor<BFloat16>.Create([0, 8]),
                    Tensor<BFloat16>.Create([8, 8]),
                    Tensor<float>.Create([0, 1L << 32])
                ),
            "d",
            "expected extents of at most"
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

        call.Should()
            .Throw<NotSupportedException>()
            .WithMessage("a:*expected a tensor on the CPU, got one on cuda:0*");
    }

    [Fact]
    public void Gemm_UnknownLayout_Throws()
    {
        Fails<ArgumentOutOfRangeException>(() => s_ops.Fp8Gemm(A, B, _d, (GemmLayout)9), "layout");
    }

    [Fact]
    public void GemmOptions_BadAlignment_Throws()
    {
        Fails<ArgumentOutOfRangeException>(() => _ = new GemmOptions { MkAlignment = 0 }, "value");
        Fails<ArgumentNullException>(() => GemmContext.CreateCpu(null!), "options");
    }
}
