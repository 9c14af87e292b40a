// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;

namespace DeepInfra.Core.Quantization;

public static partial class Quantizer
{
    /// <summary>Values of per-token codes: code × scale in binary32.</summary>
    /// <param name="data">Codes […,M,K], Float8E4M3 or Float8E5M2.</param>
    /// <param name="scales">[…,M,⌈K/granK⌉]: Float32, Float8E8M0 or packed Int32.</param>
    /// <param name="granK">Columns per scale.</param>
    /// <param name="options">Threads and SIMD tier; null is the process default.</param>
    /// <returns>[…,M,K].</returns>
    /// <exception cref="ArgumentException">Wrong element type, shape, stride or granularity.</exception>
    /// <exception cref="NotSupportedException">A tensor is not on the CPU.</exception>
    public static Tensor<float> DequantizePerToken(
        Tensor data,
        Tensor scales,
        int granK = 128,
        CpuBackendOptions? options = null
    )
    {
        ArgumentNullException.ThrowIfNull(data);
        return Into(data.Shape, x => DequantizePerToken(data, scales, x, granK, options));
    }

    /// <summary>Values of per-token codes, into a given tensor.</summary>
    /// <param name="data">Codes […,M,K].</param>
    /// <param name="scales">[…,M,⌈K/granK⌉].</param>
    /// <param name="destination">[…,M,K], Float32 or BFloat16 (rounded once), any strides.</param>
    /// <param name="granK">Columns per scale.</param>
    /// <param name="options">Threads and SIMD tier; null is the process default.</param>
    /// <exception cref="ArgumentException">Wrong element type, shape, stride or granularity.</exception>
    /// <exception cref="NotSupportedException">A tensor is not on the CPU.</exception>
    public static void DequantizePerToken(
        Tensor data,
        Tensor scales,
        Tensor destination,
        int granK = 128,
        CpuBackendOptions? options = null
    )
    {
        QuantizerChecks.Values(destination, nameof(destination), 2);
        QuantizerChecks.Granularity(granK, nameof(granK));
        var format = QuantizerChecks.Codes(data, destination.Shape, nameof(data));
        var shape = destination.Shape;
        var unpacked = shape.With(-1, CeilingDivide(shape[-1], granK));
        QuantizerChecks.Scales(scales, unpacked, -1, nameof(scales));
        RunTiles(destination, data, scales, 1, granK, null, format, options);
    }

    /// <summary>Values of per-block codes: code × scale in binary32.</summary>
    /// <param name="data">Codes […,M,N], Float8E4M3 or Float8E5M2.</param>
    /// <param name="scales">[…,⌈M/gran⌉,⌈N/gran⌉]: Float32, Float8E8M0 or packed Int32.</param>
    /// <param name="gran">Edge of a block.</param>
    /// <param name="options">Threads and SIMD tier; null is the process default.</param>
    /// <returns>[…,M,N].</returns>
    /// <exception cref="ArgumentException">Wrong element type, shape, stride or granularity.</exception>
    /// <exception cref="NotSupportedException">A tensor is not on the CPU.</exception>
    public static Tensor<float> DequantizePerBlock(
        Tensor data,
        Tensor scales,
        int gran = 128,
        CpuBackendOptions? options = null
    )
    {
        ArgumentNullException.ThrowIfNull(data);
        return Into(data.Shape, x => DequantizePerBlock(data, scales, x, gran, options));
    }

    /// <summary>Values of per-block codes, into a given tensor.</summary>
    /// <param name="data">Codes […,M,N].</param>
    /// <param name="scales">[…,⌈M/gran⌉,⌈N/gran⌉].</param>
    /// <param name="destination">[…,M,N], Float32 or BFloat16 (rounded once), any strides.</param>
    /// <param name="gran">Edge of a block.</param>
    /// <param name="options">Threads and SIMD tier; null is the process default.</param>
    /// <exception cref="ArgumentException">Wrong element type, shape, stride or granularity.</exception>
    /// <exception cref="NotSupportedException">A tensor is not on the CPU.</exception>
    public static void DequantizePerBlock(
        Tensor data,
        Tensor scales,
        Tensor destination,
        int gran = 128,
        CpuBackendOptions? options = null
    )
    {
        QuantizerChecks.Values(destination, nameof(destination), 2);
        QuantizerChecks.Granularity(gran, nameof(gran));
        var format = QuantizerChecks.Codes(data, destination.Shape, nameof(data));
        QuantizerChecks.Scales(
            scales,
            BlockScaleShape(destination.Shape, gran),
            -1,
            nameof(scales)
        );
        RunTiles(destination, data, scales, gran, gran, null, format, options);
    }

    /// <summary>Values of per-channel codes: code × scale in binary32.</summary>
    /// <param name="data">Codes [K,N], Float8E4M3 or Float8E5M2.</param>
    /// <param name="scales">[K/granK,N]: Float32, Float8E8M0 or packed Int32.</param>
    /// <param name="granK">Rows per scale.</param>
    /// <param name="options">Threads and SIMD tier; null is the process default.</param>
    /// <returns>[K,N].</returns>
    /// <exception cref="ArgumentException">Wrong element type, shape, stride or granularity.</exception>
    /// <exception cref="NotSupportedException">A tensor is not on the CPU.</exception>
    public static Tensor<float> DequantizePerChannel(
        Tensor data,
        Tensor scales,
        int granK = 128,
        CpuBackendOptions? options = null
    )
    {
        ArgumentNullException.ThrowIfNull(data);
        return Into(data.Shape, x => DequantizePerChannel(data, scales, x, granK, options));
    }

    /// <summary>Values of per-channel codes, into a given tensor.</summary>
    /// <param name="data">Codes [K,N].</param>
    /// <param name="scales">[K/granK,N].</param>
    /// <param name="destination">[K,N], Float32 or BFloat16 (rounded once), any strides.</param>
    /// <param name="granK">Rows per scale.</param>
    /// <param name="options">Threads and SIMD tier; null is the process default.</param>
    /// <exception cref="ArgumentException">Wrong element type, shape, stride or granularity.</exception>
    /// <exception cref="NotSupportedException">A tensor is not on the CPU.</exception>
    public static void DequantizePerChannel(
        Tensor data,
        Tensor scales,
        Tensor destination,
        int granK = 128,
        CpuBackendOptions? options = null
    )
    {
        CheckPerChannel(destination, granK, nameof(destination));
        var format = QuantizerChecks.Codes(data, destination.Shape, nameof(data));
        Shape unpacked = [destination.Shape[0] / granK, destination.Shape[1]];
        QuantizerChecks.Scales(scales, unpacked, kDimension: 0, nameof(scales));
        QuantizerChecks.Disjoint(destination, data, scales, isQuantizing: false);
        var operation = new ColumnOperation(destination, data, scales, granK, formula: null);
        QuantizeDispatch.Run(in operation, destination.DType, format, options);
        KeepAlive(destination, data, scales);
    }

    /// <summary>Values of codes with one scale per index of the kept dimensions, into a given tensor.</summary>
    /// <param name="data">Codes, Float8E4M3 or Float8E5M2.</param>
    /// <param name="scales">The kept extents, Float32 or Float8E8M0.</param>
    /// <param name="keepDims">The kept dimensions, ascending, negative counts from the end.</param>
    /// <param name="destination">The shape of the codes, Float32 or BFloat16 (rounded once), any strides.</param>
    /// <param name="options">Threads and SIMD tier; null is the process default.</param>
    /// <exception cref="ArgumentException">Wrong element type, shape or stride.</exception>
    /// <exception cref="NotSupportedException">A tensor is not on the CPU.</exception>
    public static void DequantizePerDims(
        Tensor data,
        Tensor scales,
        ReadOnlySpan<int> keepDims,
        Tensor destination,
        CpuBackendOptions? options = null
    )
    {
        QuantizerChecks.Values(destination, nameof(destination), 1);
        var kept = KeptShape(destination.Shape, keepDims);
        var format = QuantizerChecks.Codes(data, destination.Shape, nameof(data));
        QuantizerChecks.Scales(scales, kept, kDimension: null, nameof(scales));
        RunDims(destination, keepDims, data, scales, null, format, options);
    }

    /// <summary>Values of per-token FP4 codes: code × scale in binary32.</summary>
    /// <param name="data">UInt8 […,M,K/2], the even element in the low nibble.</param>
    /// <param name="scales">[…,M,⌈K/granK⌉]: Float32, Float8E8M0 or packed Int32.</param>
    /// <param name="granK">Columns per scale.</param>
    /// <param name="options">Threads and SIMD tier; null is the process default.</param>
    /// <returns>[…,M,K].</returns>
    /// <exception cref="ArgumentException">Wrong element type, shape, stride or granularity.</exception>
    /// <exception cref="NotSupportedException">A tensor is not on the CPU.</exception>
    public static Tensor<float> DequantizeFp4(
        Tensor data,
        Tensor scales,
        int granK = 128,
        CpuBackendOptions? options = null
    )
    {
        ArgumentNullException.ThrowIfNull(data);
        if (data.Rank < 2)
            throw new ArgumentException(
                $"data: expected at least 2 dimensions, got {data.Shape}",
                nameof(data)
            );
        var shape = data.Shape.With(-1, checked(2 * data.Shape[-1]));
        return Into(shape, x => DequantizeFp4(data, scales, x, granK, options));
    }

    /// <summary>Values of per-token FP4 codes, into a given tensor.</summary>
    /// <param name="data">UInt8 […,M,K/2].</param>
    /// <param name="scales">[…,M,⌈K/granK⌉].</param>
    /// <param name="destination">[…,M,K], Float32 or BFloat16 (rounded once), any strides.</param>
    /// <param name="granK">Columns per scale.</param>
    /// <param name="options">Threads and SIMD tier; null is the process default.</param>
    /// <exception cref="ArgumentException">Wrong element type, shape, stride or granularity.</exception>
    /// <exception cref="NotSupportedException">A tensor is not on the CPU.</exception>
    public static void DequantizeFp4(
        Tensor data,
        Tensor scales,
        Tensor destination,
        int granK = 128,
        CpuBackendOptions? options = null
    )
    {
        CheckFp4(destination, granK, nameof(destination));
        var shape = destination.Shape;
        QuantizerChecks.PackedCodes(data, shape.With(-1, shape[-1] / 2), nameof(data));
        var unpacked = shape.With(-1, CeilingDivide(shape[-1], granK));
        QuantizerChecks.Scales(scales, unpacked, -1, nameof(scales));
        RunTiles(destination, data, scales, 1, granK, null, CodeFormat.E2M1, options);
    }

    private static Tensor<float> Into(Shape shape, Action<Tensor<float>> fill)
    {
        var result = Tensor<float>.Create(shape, zeroed: false);
        try
        {
            fill(result);
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }
}
