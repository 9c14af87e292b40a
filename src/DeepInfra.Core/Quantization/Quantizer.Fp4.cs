// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;

namespace DeepInfra.Core.Quantization;

public static partial class Quantizer
{
    /// <summary>FP4 codes with one scale (amax / 6) per row and <paramref name="granK"/> columns.</summary>
    /// <param name="x">[…,M,K], K even.</param>
    /// <param name="granK">Columns per scale, 128 or 32 for the GEMM kernels; a power of two from 16 to 256.</param>
    /// <param name="ue8m0">Round scales up to powers of two.</param>
    /// <param name="packedUe8m0">Return Int32 scales with four exponent codes each; implies <paramref name="ue8m0"/>.</param>
    /// <param name="rounding">How codes are rounded.</param>
    /// <param name="options">Threads and SIMD tier; null is the process default.</param>
    /// <returns>UInt8 […,M,K/2], the even element in the low nibble; scales […,M,⌈K/granK⌉].</returns>
    /// <exception cref="ArgumentException">Wrong element type, rank or granularity, or K is odd.</exception>
    /// <exception cref="NotSupportedException">The tensor is not on the CPU.</exception>
    public static QuantizedTensor QuantizePerTokenFp4(
        Tensor x,
        int granK = 128,
        bool ue8m0 = false,
        bool packedUe8m0 = false,
        Fp4Rounding rounding = Fp4Rounding.NearestEven,
        CpuBackendOptions? options = null
    )
    {
        CheckFp4(x, granK, nameof(x));
        var result = Allocate(
            DType.UInt8,
            x.Shape.With(-1, x.Shape[-1] / 2),
            x.Shape.With(-1, CeilingDivide(x.Shape[-1], granK)),
            kDimension: -1,
            packedUe8m0
        );
        QuantizePerTokenFp4(x, result.Data, result.Scales, granK, ue8m0, rounding, options);
        return result;
    }

    /// <summary>FP4 codes with one scale per row and <paramref name="granK"/> columns, into given tensors.</summary>
    /// <param name="x">[…,M,K], K even.</param>
    /// <param name="data">UInt8 […,M,K/2].</param>
    /// <param name="scales">[…,M,⌈K/granK⌉], or a quarter of the last extent, rounded up, if Int32.</param>
    /// <param name="granK">Columns per scale, a power of two from 16 to 256.</param>
    /// <param name="ue8m0">Round scales up to powers of two; implied by scales that are not Float32.</param>
    /// <param name="rounding">How codes are rounded.</param>
    /// <param name="options">Threads and SIMD tier; null is the process default.</param>
    /// <exception cref="ArgumentException">Wrong element type, shape, stride or granularity.</exception>
    /// <exception cref="NotSupportedException">A tensor is not on the CPU.</exception>
    public static void QuantizePerTokenFp4(
        Tensor x,
        Tensor data,
        Tensor scales,
        int granK = 128,
        bool ue8m0 = false,
        Fp4Rounding rounding = Fp4Rounding.NearestEven,
        CpuBackendOptions? options = null
    )
    {
        CheckFp4(x, granK, nameof(x));
        if (!Enum.IsDefined(rounding))
            throw new ArgumentOutOfRangeException(nameof(rounding), rounding, "Not a rounding.");
        QuantizerChecks.PackedCodes(data, x.Shape.With(-1, x.Shape[-1] / 2), nameof(data));
        var unpacked = x.Shape.With(-1, CeilingDivide(x.Shape[-1], granK));
        QuantizerChecks.Scales(scales, unpacked, -1, nameof(scales));
        var format =
            rounding == Fp4Rounding.NearestEven ? CodeFormat.E2M1 : CodeFormat.E2M1HalfDown;
        var formula = FormulaOf(ScaleRule.Divide, ue8m0, scales);
        RunTiles(x, data, scales, 1, granK, formula, format, options);
    }

    private static void CheckFp4(Tensor x, int granK, string name)
    {
        QuantizerChecks.Values(x, name, 2);
        QuantizerChecks.Granularity(granK, nameof(granK));
        if (x.Shape[-1] % 2 != 0)
            throw new ArgumentException($"{name}: expected an even K, got {x.Shape}", name);
    }
}
