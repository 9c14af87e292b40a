// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;

namespace DeepInfra.Core.Quantization;

/// <summary>
/// Fine-grained quantisation to FP8 and FP4 with one scale per block, as DeepGEMM's kernels expect it. Bit exact:
/// amax = max(1e-4, largest magnitude of the block), scale = amax / 448 in binary32, rounded up to a power of two if
/// asked for, code = round(x × (1 / scale)); the dequantised value is code × scale. The scale is rounded before it is
/// used, never afterwards. A NaN in a block makes its binary32 scale and all its codes NaN; with power-of-two scales
/// only the NaN elements become NaN.
/// </summary>
/// <remarks>
/// Inputs are <see cref="DType.Float32"/> or <see cref="DType.BFloat16"/> with any strides. Methods with destinations
/// allocate nothing; codes need innermost stride 1, scales may have any strides; what is written must not share memory
/// with what is read. The type of the scales decides their
/// form: Float32; Float8E8M0 (exponent codes); Int32 (four exponent codes along K, the first one lowest, the last
/// word filled up with 2^0). Results do not depend on SIMD tier and thread count. Thread-safe.
/// </remarks>
/// <example>
/// <code>
/// using var x = Tensor&lt;float&gt;.Create([4, 256]);
/// using var q = Quantizer.QuantizePerToken(x); // codes [4,256], scales [4,2]
/// using var back = Quantizer.DequantizePerToken(q.Data, q.Scales);
/// </code>
/// </example>
public static partial class Quantizer
{
    /// <summary>One scale per row and <paramref name="granK"/> columns (activations).</summary>
    /// <param name="x">[…,M,K].</param>
    /// <param name="granK">Columns per scale, 128 or 32 for the GEMM kernels; a power of two from 16 to 256. The last block may be shorter.</param>
    /// <param name="ue8m0">Round scales up to powers of two.</param>
    /// <param name="packedUe8m0">Return Int32 scales with four exponent codes each; implies <paramref name="ue8m0"/>.</param>
    /// <param name="format">Float8E4M3 or Float8E5M2.</param>
    /// <param name="options">Threads and SIMD tier; null is the process default.</param>
    /// <returns>Codes […,M,K]; scales […,M,⌈K/granK⌉], packed […,M,⌈⌈K/granK⌉/4⌉].</returns>
    /// <exception cref="ArgumentException">Wrong element type, rank or granularity.</exception>
    /// <exception cref="NotSupportedException">The tensor is not on the CPU.</exception>
    public static QuantizedTensor QuantizePerToken(
        Tensor x,
        int granK = 128,
        bool ue8m0 = false,
        bool packedUe8m0 = false,
        DType format = DType.Float8E4M3,
        CpuBackendOptions? options = null
    )
    {
        QuantizerChecks.Values(x, nameof(x), 2);
        QuantizerChecks.Granularity(granK, nameof(granK));
        QuantizerChecks.FormatOf(format, nameof(format));
        var result = Allocate(
            format,
            x.Shape,
            x.Shape.With(-1, CeilingDivide(x.Shape[-1], granK)),
            kDimension: -1,
            packedUe8m0
        );
        QuantizePerToken(x, result.Data, result.Scales, granK, ue8m0, ScaleRule.Divide, options);
        return result;
    }

    /// <summary>One scale per row and <paramref name="granK"/> columns, into given tensors.</summary>
    /// <param name="x">[…,M,K].</param>
    /// <param name="data">Codes […,M,K], Float8E4M3 or Float8E5M2.</param>
    /// <param name="scales">[…,M,⌈K/granK⌉], or [⌈⌈K/granK⌉/4⌉] words per row if Int32.</param>
    /// <param name="granK">Columns per scale, a power of two from 16 to 256.</param>
    /// <param name="ue8m0">Round scales up to powers of two; implied by scales that are not Float32.</param>
    /// <param name="rule">The scale formula.</param>
    /// <param name="options">Threads and SIMD tier; null is the process default.</param>
    /// <exception cref="ArgumentException">Wrong element type, shape, stride or granularity.</exception>
    /// <exception cref="NotSupportedException">A tensor is not on the CPU.</exception>
    public static void QuantizePerToken(
        Tensor x,
        Tensor data,
        Tensor scales,
        int granK = 128,
        bool ue8m0 = false,
        ScaleRule rule = ScaleRule.Divide,
        CpuBackendOptions? options = null
    )
    {
        QuantizerChecks.Values(x, nameof(x), 2);
        QuantizerChecks.Granularity(granK, nameof(granK));
        var format = QuantizerChecks.Codes(data, x.Shape, nameof(data));
        var unpacked = x.Shape.With(-1, CeilingDivide(x.Shape[-1], granK));
        QuantizerChecks.Scales(scales, unpacked, -1, nameof(scales));
        RunTiles(x, data, scales, 1, granK, FormulaOf(rule, ue8m0, scales), format, options);
    }

    /// <summary>One scale per square block of the last two dimensions (weights).</summary>
    /// <param name="x">[…,M,N].</param>
    /// <param name="gran">Edge of a block, 128 for the GEMM kernels; a power of two from 16 to 256. Blocks at the end may be smaller.</param>
    /// <param name="ue8m0">Round scales up to powers of two.</param>
    /// <param name="packedUe8m0">Return Int32 scales with four exponent codes along N each; implies <paramref name="ue8m0"/>.</param>
    /// <param name="format">Float8E4M3 or Float8E5M2.</param>
    /// <param name="options">Threads and SIMD tier; null is the process default.</param>
    /// <returns>Codes […,M,N]; scales […,⌈M/gran⌉,⌈N/gran⌉].</returns>
    /// <exception cref="ArgumentException">Wrong element type, rank or granularity.</exception>
    /// <exception cref="NotSupportedException">The tensor is not on the CPU.</exception>
    public static QuantizedTensor QuantizePerBlock(
        Tensor x,
        int gran = 128,
        bool ue8m0 = false,
        bool packedUe8m0 = false,
        DType format = DType.Float8E4M3,
        CpuBackendOptions? options = null
    )
    {
        QuantizerChecks.Values(x, nameof(x), 2);
        QuantizerChecks.Granularity(gran, nameof(gran));
        QuantizerChecks.FormatOf(format, nameof(format));
        var result = Allocate(format, x.Shape, BlockScaleShape(x.Shape, gran), -1, packedUe8m0);
        QuantizePerBlock(x, result.Data, result.Scales, gran, ue8m0, ScaleRule.Divide, options);
        return result;
    }

    /// <summary>One scale per square block of the last two dimensions, into given tensors.</summary>
    /// <param name="x">[…,M,N].</param>
    /// <param name="data">Codes […,M,N], Float8E4M3 or Float8E5M2.</param>
    /// <param name="scales">[…,⌈M/gran⌉,⌈N/gran⌉]; the last extent is a quarter, rounded up, if Int32.</param>
    /// <param name="gran">Edge of a block, a power of two from 16 to 256.</param>
    /// <param name="ue8m0">Round scales up to powers of two; implied by scales that are not Float32.</param>
    /// <param name="rule">The scale formula.</param>
    /// <param name="options">Threads and SIMD tier; null is the process default.</param>
    /// <exception cref="ArgumentException">Wrong element type, shape, stride or granularity.</exception>
    /// <exception cref="NotSupportedException">A tensor is not on the CPU.</exception>
    public static void QuantizePerBlock(
        Tensor x,
        Tensor data,
        Tensor scales,
        int gran = 128,
        bool ue8m0 = false,
        ScaleRule rule = ScaleRule.Divide,
        CpuBackendOptions? options = null
    )
    {
        QuantizerChecks.Values(x, nameof(x), 2);
        QuantizerChecks.Granularity(gran, nameof(gran));
        var format = QuantizerChecks.Codes(data, x.Shape, nameof(data));
        QuantizerChecks.Scales(scales, BlockScaleShape(x.Shape, gran), -1, nameof(scales));
        RunTiles(x, data, scales, gran, gran, FormulaOf(rule, ue8m0, scales), format, options);
    }

    /// <summary>One scale per column and <paramref name="granK"/> rows (operands whose K is the outer dimension).</summary>
    /// <param name="x">[K,N].</param>
    /// <param name="granK">Rows per scale, a power of two from 16 to 256 that divides K.</param>
    /// <param name="ue8m0">Round scales up to powers of two.</param>
    /// <param name="packedUe8m0">Return Int32 scales with four exponent codes along K each; implies <paramref name="ue8m0"/>.</param>
    /// <param name="format">Float8E4M3 or Float8E5M2.</param>
    /// <param name="options">Threads and SIMD tier; null is the process default.</param>
    /// <returns>Codes [K,N]; scales [K/granK,N], packed [⌈K/granK/4⌉,N].</returns>
    /// <exception cref="ArgumentException">Wrong element type, rank or granularity, or K is no multiple of it.</exception>
    /// <exception cref="NotSupportedException">The tensor is not on the CPU.</exception>
    public static QuantizedTensor QuantizePerChannel(
        Tensor x,
        int granK = 128,
        bool ue8m0 = false,
        bool packedUe8m0 = false,
        DType format = DType.Float8E4M3,
        CpuBackendOptions? options = null
    )
    {
        CheckPerChannel(x, granK, nameof(x));
        QuantizerChecks.FormatOf(format, nameof(format));
        Shape unpacked = [x.Shape[0] / granK, x.Shape[1]];
        var result = Allocate(format, x.Shape, unpacked, kDimension: 0, packedUe8m0);
        QuantizePerChannel(x, result.Data, result.Scales, granK, ue8m0, ScaleRule.Divide, options);
        return result;
    }

    /// <summary>One scale per column and <paramref name="granK"/> rows, into given tensors.</summary>
    /// <param name="x">[K,N].</param>
    /// <param name="data">Codes [K,N], Float8E4M3 or Float8E5M2.</param>
    /// <param name="scales">[K/granK,N], or [⌈K/granK/4⌉,N] if Int32.</param>
    /// <param name="granK">Rows per scale, a power of two from 16 to 256 that divides K.</param>
    /// <param name="ue8m0">Round scales up to powers of two; implied by scales that are not Float32.</param>
    /// <param name="rule">The scale formula.</param>
    /// <param name="options">Threads and SIMD tier; null is the process default.</param>
    /// <exception cref="ArgumentException">Wrong element type, shape, stride or granularity.</exception>
    /// <exception cref="NotSupportedException">A tensor is not on the CPU.</exception>
    public static void QuantizePerChannel(
        Tensor x,
        Tensor data,
        Tensor scales,
        int granK = 128,
        bool ue8m0 = false,
        ScaleRule rule = ScaleRule.Divide,
        CpuBackendOptions? options = null
    )
    {
        CheckPerChannel(x, granK, nameof(x));
        var format = QuantizerChecks.Codes(data, x.Shape, nameof(data));
        Shape unpacked = [x.Shape[0] / granK, x.Shape[1]];
        QuantizerChecks.Scales(scales, unpacked, kDimension: 0, nameof(scales));
        QuantizerChecks.Disjoint(x, data, scales, isQuantizing: true);
        var operation = new ColumnOperation(x, data, scales, granK, FormulaOf(rule, ue8m0, scales));
        QuantizeDispatch.Run(in operation, x.DType, format, options);
        KeepAlive(x, data, scales);
    }

    private static void CheckPerChannel(Tensor x, int granK, string name)
    {
        QuantizerChecks.Values(x, name, 2);
        QuantizerChecks.Granularity(granK, nameof(granK));
        if (x.Rank != 2 || x.Shape[0] % granK != 0)
            throw new ArgumentException(
                $"{name}: expected [K,N] with K a multiple of {granK}, got {x.Shape}",
                name
            );
    }

    // Without a formula it dequantises.
    private static void RunTiles(
        Tensor x,
        Tensor data,
        Tensor scales,
        int tileRows,
        int tileColumns,
        ScaleFormula? formula,
        CodeFormat format,
        CpuBackendOptions? options
    )
    {
        QuantizerChecks.Disjoint(x, data, scales, isQuantizing: formula is not null);
        var isPacked = format is CodeFormat.E2M1 or CodeFormat.E2M1HalfDown;
        if (formula is { } rows && tileRows == 1 && !isPacked && TransposedOperation.Fits(x))
        {
            var transposed = new TransposedOperation(x, data, scales, tileColumns, rows);
            QuantizeDispatch.Run(in transposed, x.DType, format, options);
            KeepAlive(x, data, scales);
            return;
        }
        var operation = new TileOperation(x, data, scales, tileRows, tileColumns, formula);
        QuantizeDispatch.Run(in operation, x.DType, format, options);
        KeepAlive(x, data, scales);
    }

    private static Shape BlockScaleShape(Shape shape, int gran) =>
        shape.With(-1, CeilingDivide(shape[-1], gran)).With(-2, CeilingDivide(shape[-2], gran));

    private static ScaleFormula FormulaOf(ScaleRule rule, bool ue8m0, Tensor scales) =>
        Enum.IsDefined(rule)
            ? new ScaleFormula(rule, ue8m0 || scales.DType != DType.Float32)
            : throw new ArgumentOutOfRangeException(nameof(rule), rule, "Not a scale rule.");

    private static QuantizedTensor Allocate(
        DType format,
        Shape data,
        Shape unpackedScales,
        int? kDimension,
        bool packed
    )
    {
        var scaleType = packed ? DType.Int32 : DType.Float32;
        var scales = QuantizerChecks.ScaleShape(unpackedScales, kDimension, scaleType);
#pragma warning disable CA2000 // it belongs to the result
        var codes = Tensor.Create(format, data, zeroed: false);
#pragma warning restore CA2000
        try
        {
#pragma warning disable CA2000 // it belongs to the result
            return new QuantizedTensor(codes, Tensor.Create(scaleType, scales, zeroed: false));
#pragma warning restore CA2000
        }
        catch
        {
            codes.Dispose();
            throw;
        }
    }

    private static long CeilingDivide(long value, long divisor) => (value + divisor - 1) / divisor;

    private static void KeepAlive(Tensor a, Tensor b, Tensor c)
    {
        GC.KeepAlive(a);
        GC.KeepAlive(b);
        GC.KeepAlive(c);
    }
}
