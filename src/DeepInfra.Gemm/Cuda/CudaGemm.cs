// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.Core.Jit;
using DeepInfra.Gemm.Operands;

namespace DeepInfra.Gemm.Cuda;

/// <summary>Enqueues dense multiplications of a CUDA device.</summary>
internal static unsafe class CudaGemm
{
    // Tiles of the kernels.
    private const int Fp8Tile = 64;
    private const int Fp8TileK = 128;
    private const int Fp8TileRowBytes = Fp8TileK + 16;
    private const int Fp8Stages = 2;
    private const int Fp8Threads = 128;
    private const int Bf16TileM = 64;
    private const int Bf16TileK = 64;
    private const int Bf16Stages = 4;
    private const int Bf16Threads = 160;
    private const int BarrierBytes = 16;
    private const int SwizzleAtomBytes = 1024;

    /// <summary>A validated problem of one segment with all memory on the stream's device.</summary>
    public static void Run(in GemmProblem problem, CudaStream stream)
    {
        var device = CudaDevice.Get(stream.Device);
        if (problem.KindA == ElementKind.BFloat16)
            RunBf16(problem, device, stream);
        else
            RunFp8(problem, device, stream);
    }

    private static void RunBf16(in GemmProblem problem, CudaDevice device, CudaStream stream)
    {
        if (device.ComputeCapability / 10 != 9)
            throw new NotSupportedException(
                $"BFloat16 multiplications have kernels for compute capability 9.0 in this version, got {device}"
            );
        ref readonly var segment = ref problem.Segments[0];
        if (segment.M == 0 || problem.N == 0)
            return;
        var blockN = problem.N <= 64 ? 64 : 128;
        var kernel = Load(
            GemmKernels.Of(
                new Bf16Variant(device.Architecture, blockN, problem.KMajorA, problem.KMajorB)
            ),
            stream
        );
        var rowBlocks = Blocks(segment.M, Bf16TileM);
        var parameters = new Bf16Parameters
        {
            Output = Output(problem),
            RowBlocks = rowBlocks,
            KBlocks = Blocks(segment.K, Bf16TileK),
        };
        TensorMap mapA = default,
            mapB = default;
        if (segment.K > 0)
        {
            mapA = Map(
                segment.A,
                problem.KMajorA,
                segment.M,
                segment.K,
                segment.LeadingA,
                Bf16TileM
            );
            mapB = Map(segment.B, problem.KMajorB, problem.N, segment.K, segment.LeadingB, blockN);
        }
        var stageBytes = (Bf16TileM + blockN) * Bf16TileK * sizeof(ushort) + BarrierBytes;
        var shared =
            (Bf16Stages * stageBytes + SwizzleAtomBytes - 1) / SwizzleAtomBytes * SwizzleAtomBytes;
        kernel.Launch(
            Config(rowBlocks, Blocks(problem.N, blockN), Bf16Threads, shared),
            stream,
            mapA,
            mapB,
            parameters
        );
    }

    private static void RunFp8(in GemmProblem problem, CudaDevice device, CudaStream stream)
    {
        if (device.ComputeCapability < 89)
            throw new NotSupportedException(
                $"FP8 multiplications need compute capability 8.9, got {device}"
            );
        var step = Math.Min(problem.ScaleStep, Fp8TileK);
        if (
            step is not (32 or 64 or 128)
            || problem.ScaleA.GranK % step != 0
            || problem.ScaleB.GranK % step != 0
        )
            throw new NotSupportedException(
                $"Scale blocks of {problem.ScaleA.GranK} and {problem.ScaleB.GranK} elements along K have no CUDA kernels; supported are multiples of 32, 64 or 128"
            );
        ref readonly var segment = ref problem.Segments[0];
        if (segment.M == 0 || problem.N == 0)
            return;
        var kernel = Load(
            GemmKernels.Of(
                new Fp8Variant(
                    device.Architecture,
                    problem.KindA,
                    problem.KindB,
                    problem.KMajorA,
                    problem.KMajorB,
                    step
                )
            ),
            stream
        );
        var rowBlocks = Blocks(segment.M, Fp8Tile);
        var parameters = new Fp8Parameters
        {
            A = Codes(segment.A, problem.KindA, segment.LeadingA, segment.M, segment.K),
            B = Codes(segment.B, problem.KindB, segment.LeadingB, problem.N, segment.K),
            ScalesA = Scales(segment.ScaleA, problem.ScaleA),
            ScalesB = Scales(segment.ScaleB, problem.ScaleB),
            Output = Output(problem),
            RowBlocks = rowBlocks,
        };
        var scaleBytes = 2 * Fp8TileK / step * Fp8Tile * sizeof(float);
        var shared = Fp8Stages * (2 * Fp8Tile * Fp8TileRowBytes + scaleBytes);
        kernel.Launch(
            Config(rowBlocks, Blocks(problem.N, Fp8Tile), Fp8Threads, shared),
            stream,
            parameters
        );
    }

    private static CudaKernel Load(KernelSpec spec, CudaStream stream) =>
        JitKernelCache.Default.Load(spec, stream.Device).Kernel;

    private static LaunchConfig Config(int rowBlocks, int columnBlocks, int threads, int shared) =>
        new(new Dim3(checked(rowBlocks * columnBlocks)), threads) { DynamicSharedBytes = shared };

    private static OutputParameters Output(in GemmProblem problem)
    {
        ref readonly var segment = ref problem.Segments[0];
        return new OutputParameters
        {
            D = segment.D,
            C = segment.C,
            Bias = problem.Bias,
            StrideD = problem.LeadingD,
            StrideC = problem.LeadingC,
            M = segment.M,
            N = problem.N,
            Type = TypeOf(problem.OutputType),
            BiasType = TypeOf(problem.BiasType),
        };
    }

    private static int TypeOf(DType type) => type == DType.Float32 ? 0 : 1;

    private static CodesParameters Codes(
        byte* data,
        ElementKind kind,
        long leading,
        int mn,
        int k
    ) =>
        new()
        {
            Data = data,
            Stride = kind == ElementKind.Float4E2M1 ? leading / 2 : leading,
            Mn = mn,
            K = k,
        };

    private static ScaleParameters Scales(byte* data, in ScaleSource source) =>
        new()
        {
            Data = data,
            StrideMn = source.StrideMn,
            StrideK = source.StrideK,
            GranMn = source.GranMn,
            GranK = source.GranK,
            Kind = (int)source.Kind,
        };

    private static TensorMap Map(byte* data, bool kMajor, int mn, int k, long leading, int blockMn)
    {
        var (columns, rows) = kMajor ? (k, mn) : (mn, k);
        // The stride of a single row may be anything; a map wants a multiple of 16 bytes.
        if (rows == 1)
            leading = (columns + 7L) / 8 * 8;
        return TensorMap.EncodeTiled(
            data,
            new TensorMapLayout
            {
                ElementType = TensorMapElementType.BFloat16,
                Extents = [columns, rows],
                StrideBytes = [leading * sizeof(ushort)],
                Box = [Bf16TileK, kMajor ? blockMn : Bf16TileK],
                Swizzle = TensorMapSwizzle.Bytes128,
                L2Promotion = TensorMapL2Promotion.Bytes256,
                Fill = TensorMapFill.Zero,
            }
        );
    }

    private static int Blocks(int extent, int tile) => (int)(((long)extent + tile - 1) / tile);
}
