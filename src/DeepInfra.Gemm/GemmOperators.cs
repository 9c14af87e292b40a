// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.Gemm.Cpu;
using DeepInfra.Gemm.Cuda;
using DeepInfra.Gemm.Operands;

namespace DeepInfra.Gemm;

/// <summary>
/// The matrix multiplications of one context. M and N are the rows and columns of the result, K is summed over.
/// Data of A and B needs stride 1 in one of its last two dimensions, D and C are row-major; addresses and the other strides
/// are multiples of 16 bytes. D shares no memory with A, B, their scales and the bias. On the CPU, sums of 128 products are accumulated in binary32 and added to the result
/// with one multiply-add by the product of both scales; the result is rounded once and does not depend on the number of
/// threads. Thread-safe; calls allocate nothing once their threads are warm. The operators and their
/// constraints follow DeepGEMM.
/// <para>
/// On a CUDA device, dense multiplications are enqueued on <see cref="GemmCall.Stream"/> and the call returns; the first call
/// of a kind compiles its kernel, or finds it in the cache. Sums of FP8 products leave the tensor core every 128 elements of
/// K, or every scale block where those are smaller.
/// </para>
/// </summary>
public sealed partial class GemmOperators
{
    private readonly GemmContext _context;

    internal GemmOperators(GemmContext context) => _context = context;

    private Device Device => _context.Device;

    /// <summary>D = C + bias + A·B with FP8 (or packed FP4) operands scaled by blocks.</summary>
    /// <param name="a">
    /// E4M3, shape by <paramref name="layout"/>. Scales in the same dimension order: by default one per row and 128
    /// elements of K, [M, ceil(K/128)] for a layout that starts with N.
    /// </param>
    /// <param name="b">
    /// E4M3, shape by <paramref name="layout"/>. Scales by default one per 128x128 block, [ceil(N/128), ceil(K/128)] for a layout
    /// that ends with T; one per row and 128 elements of K if they are packed. FP4 by default has one scale per row and 32
    /// elements of K.
    /// </param>
    /// <param name="d">[M,N] BFloat16 or Float32.</param>
    /// <param name="layout">The order of dimensions of A and B.</param>
    /// <param name="call">Optional arguments.</param>
    /// <exception cref="ArgumentException">An argument has the wrong type, shape, strides or alignment.</exception>
    /// <exception cref="NotSupportedException">A tensor is on a device that has no kernels in this version.</exception>
    /// <exception cref="OperationCanceledException">The call's token was cancelled.</exception>
    /// <remarks>
    /// Empty problems: nothing is written if M or N is 0; D = C (or zeros), plus the bias, if K is 0.
    /// </remarks>
    public void Fp8Gemm(
        ScaledTensor a,
        ScaledTensor b,
        Tensor d,
        GemmLayout layout,
        in GemmCall call = default
    )
    {
        var (transposedA, transposedB) = Transposed(layout);
        var matrixA = OperandReader.ReadMatrix(
            a.Data,
            Fp8Kind(a),
            transposedA,
            rank: 2,
            nameof(a),
            Device
        );
        var matrixB = OperandReader.ReadMatrix(
            b.Data,
            Fp8Kind(b),
            transposedB,
            rank: 2,
            nameof(b),
            Device
        );
        RequireSameK(matrixA, matrixB);
        var (recipeA, recipeB) = RecipeResolver.Resolve(call, a, b);
        var scalesA = ReadScales(a, recipeA, matrixA, groups: null, transposedA, nameof(a), Device);
        var scalesB = ReadScales(b, recipeB, matrixB, groups: null, transposedB, nameof(b), Device);
        RequireSeparate(d, a, b, call);
        Dense("fp8_dense", matrixA, scalesA, matrixB, scalesB, d, call);
        if (call.Stream is not null)
        {
            Record(a, call.Stream);
            Record(b, call.Stream);
        }
        KeepAlive(a, b);
    }

    /// <summary>D = C + bias + A·B with BFloat16 operands.</summary>
    /// <param name="a">BFloat16, shape by <paramref name="layout"/>.</param>
    /// <param name="b">BFloat16, shape by <paramref name="layout"/>.</param>
    /// <param name="d">[M,N] BFloat16 or Float32.</param>
    /// <param name="layout">The order of dimensions of A and B.</param>
    /// <param name="call">Optional arguments; recipes do not apply.</param>
    /// <inheritdoc cref="Fp8Gemm" path="/exception"/>
    /// <inheritdoc cref="Fp8Gemm" path="/remarks"/>
    public void Bf16Gemm(
        Tensor a,
        Tensor b,
        Tensor d,
        GemmLayout layout,
        in GemmCall call = default
    )
    {
        RequireNoRecipe(call);
        var (transposedA, transposedB) = Transposed(layout);
        var matrixA = OperandReader.ReadMatrix(
            a,
            ElementKind.BFloat16,
            transposedA,
            rank: 2,
            nameof(a),
            Device
        );
        var matrixB = OperandReader.ReadMatrix(
            b,
            ElementKind.BFloat16,
            transposedB,
            rank: 2,
            nameof(b),
            Device
        );
        RequireSameK(matrixA, matrixB);
        RequireSeparate(d, a, b, call);
        Dense("bf16_dense", matrixA, ScaleOperand.None, matrixB, ScaleOperand.None, d, call);
        if (call.Stream is not null)
        {
            a.RecordStream(call.Stream);
            b.RecordStream(call.Stream);
        }
        GC.KeepAlive(a);
        GC.KeepAlive(b);
    }

    private unsafe void Dense(
        string operation,
        in MatrixOperand a,
        in ScaleOperand scalesA,
        in MatrixOperand b,
        in ScaleOperand scalesB,
        Tensor d,
        in GemmCall call
    )
    {
        var output = OperandReader.ReadOutput(d, rank: 2, nameof(d), Device);
        RequireOutputShape(output.M, output.N, a.Mn, b.Mn, d);
        var accumulate = OperandReader.ReadAccumulate(call.Accumulate, d, Device);
        var segment = new GemmSegment
        {
            A = a.Data,
            B = b.Data,
            ScaleA = scalesA.Data,
            ScaleB = scalesB.Data,
            D = output.Data,
            C = accumulate.Data,
            LeadingA = a.Leading,
            LeadingB = b.Leading,
            M = a.Mn,
            K = a.K,
        };
        var problem = Describe(a, scalesA, b, scalesB, output, accumulate, call, Device);
        problem.Segments = &segment;
        problem.SegmentCount = 1;
        if (Device.IsCpu)
            Run(operation, ref problem, d, call);
        else
            RunOnDevice(operation, problem, d, call);
    }

    // Enqueues a dense multiplication. Memory that it uses is recorded on the stream, so that disposing it is safe at once.
    private void RunOnDevice(string operation, in GemmProblem problem, Tensor d, in GemmCall call)
    {
        var stream = RequireStream(call);
        call.CancellationToken.ThrowIfCancellationRequested();
        GemmMetrics.Record(operation, problem.Flops);
        CudaGemm.Run(problem, stream);
        d.RecordStream(stream);
        call.Accumulate?.RecordStream(stream);
        call.Bias?.RecordStream(stream);
    }

    private CudaStream RequireStream(in GemmCall call)
    {
        const string Name = nameof(GemmCall.Stream);
        if (call.Stream is null)
            throw Errors.Null(Name, $"{Name}: multiplications on {Device} need a stream");
        if (call.Stream.Device != Device)
            throw Errors.Argument(
                Name,
                $"{Name}: expected a stream of {Device}, got one of {call.Stream.Device}"
            );
        return call.Stream;
    }

    private static void RequireNoStream(in GemmCall call)
    {
        if (call.Stream is not null)
            throw Errors.Argument(
                nameof(GemmCall.Stream),
                $"Stream: expected none on the CPU, got one of {call.Stream.Device}"
            );
    }

    private void Run(string operation, ref GemmProblem problem, Tensor d, in GemmCall call)
    {
        if (!Device.IsCpu)
            throw new NotSupportedException(
                $"{operation}: grouped multiplications have no CUDA kernels in this version; use GemmContext.Cpu"
            );
        RequireNoStream(call);
        GemmMetrics.Record(operation, problem.Flops);
        if (problem.N > 0)
            CpuGemm.Run(ref problem, _context.Options, call.CancellationToken);
        GC.KeepAlive(d);
        GC.KeepAlive(call.Accumulate);
        GC.KeepAlive(call.Bias);
    }

    private static unsafe GemmProblem Describe(
        in MatrixOperand a,
        in ScaleOperand scalesA,
        in MatrixOperand b,
        in ScaleOperand scalesB,
        in OutputOperand output,
        in OutputOperand accumulate,
        in GemmCall call,
        Device device = default
    ) =>
        new()
        {
            KindA = a.Kind,
            KindB = b.Kind,
            KMajorA = a.KMajor,
            KMajorB = b.KMajor,
            ScaleA = scalesA.Source,
            ScaleB = scalesB.Source,
            N = output.N,
            OutputType = output.Type,
            LeadingD = output.Leading,
            LeadingC = accumulate.Leading,
            Bias = OperandReader.ReadBias(call.Bias, output.N, out var biasType, device),
            BiasType = biasType,
        };

    private static ScaleOperand ReadScales(
        ScaledTensor tensor,
        OperandRecipe recipe,
        in MatrixOperand matrix,
        int? groups,
        bool transposed,
        string name,
        Device device = default
    ) =>
        OperandReader.ReadScales(
            tensor.Scales,
            recipe,
            matrix.Mn,
            OperandReader.DivideUp(matrix.K, recipe.GranK),
            OperandReader.DivideUp(matrix.K, 4 * recipe.GranK),
            groups,
            transposed,
            name,
            device
        );

    private static (bool A, bool B) Transposed(GemmLayout layout) =>
        layout switch
        {
            GemmLayout.NT => (false, false),
            GemmLayout.NN => (false, true),
            GemmLayout.TN => (true, true),
            GemmLayout.TT => (true, false),
            _ => throw new ArgumentOutOfRangeException(
                nameof(layout),
                layout,
                "layout: expected NT, NN, TN or TT"
            ),
        };

    private static ElementKind Fp8Kind(ScaledTensor tensor) =>
        tensor.IsFp4 ? ElementKind.Float4E2M1
        : tensor.Data?.DType == DType.Float8E5M2 ? ElementKind.Float8E5M2
        : ElementKind.Float8E4M3;

    private static void RequireSameK(in MatrixOperand a, in MatrixOperand b)
    {
        if (a.K != b.K)
            throw Errors.Argument(nameof(b), $"b: expected K = {a.K} as in a, got {b.K}");
    }

    private static void RequireOutputShape(int rows, int columns, int m, int n, Tensor d)
    {
        if (rows != m || columns != n)
            throw Errors.Argument(nameof(d), $"d: expected M = {m}, N = {n}, got {d.Shape}");
    }

    private static void RequireSeparate(Tensor d, ScaledTensor a, ScaledTensor b, in GemmCall call)
    {
        RequireSeparate(d, a.Data, b.Data, call);
        OperandReader.RequireSeparate(d, a.Scales, "the scales of a");
        OperandReader.RequireSeparate(d, b.Scales, "the scales of b");
    }

    private static void RequireSeparate(Tensor d, Tensor a, Tensor b, in GemmCall call)
    {
        ArgumentNullException.ThrowIfNull(d);
        OperandReader.RequireSeparate(d, a, nameof(a));
        OperandReader.RequireSeparate(d, b, nameof(b));
        OperandReader.RequireSeparate(d, call.Bias, nameof(GemmCall.Bias));
    }

    private static void RequireNoRecipe(in GemmCall call)
    {
        if (call.Recipe is not null || call.RecipeA is not null || call.RecipeB is not null)
            throw Errors.Argument(
                nameof(GemmCall.Recipe),
                "Recipe: BFloat16 operands have no scales"
            );
    }

    private static void Record(ScaledTensor operand, CudaStream stream)
    {
        operand.Data.RecordStream(stream);
        operand.Scales.RecordStream(stream);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void KeepAlive(ScaledTensor a, ScaledTensor b)
    {
        GC.KeepAlive(a.Data);
        GC.KeepAlive(a.Scales);
        GC.KeepAlive(b.Data);
        GC.KeepAlive(b.Scales);
    }
}
