// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core.Cuda;
using DeepInfra.Core.Interop;

namespace DeepInfra.Core.Quantization;

public static unsafe partial class Quantizer
{
    /// <summary>One scale per row and <paramref name="granK"/> columns, on a device. Enqueues and returns.</summary>
    /// <param name="x">[…,M,K], Float32 or BFloat16, on the stream's device.</param>
    /// <param name="data">Codes […,M,K], Float8E4M3 or Float8E5M2, innermost stride 1.</param>
    /// <param name="scales">[…,M,⌈K/granK⌉]: Float32, Float8E8M0 or packed Int32.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="granK">Columns per scale, a power of two from 16 to 256.</param>
    /// <param name="ue8m0">Round scales up to powers of two; implied by scales that are not Float32.</param>
    /// <param name="rule">The scale formula.</param>
    /// <exception cref="ArgumentException">Wrong element type, shape, stride, device or granularity.</exception>
    /// <exception cref="NotSupportedException">The native library has no kernels for the device.</exception>
    /// <exception cref="NativeLibraryNotFoundException">The native library is not installed.</exception>
    public static void QuantizePerToken(
        Tensor x,
        Tensor data,
        Tensor scales,
        CudaStream stream,
        int granK = 128,
        bool ue8m0 = false,
        ScaleRule rule = ScaleRule.Divide
    ) =>
        RunOnDevice(
            x,
            data,
            scales,
            stream,
            ParametersOf(NativeScaleBlocks.Token, granK, ue8m0, rule),
            dequantize: false
        );

    /// <summary>One scale per square block of the last two dimensions, on a device. Enqueues and returns.</summary>
    /// <param name="x">[…,M,N], Float32 or BFloat16, on the stream's device.</param>
    /// <param name="data">Codes […,M,N], Float8E4M3 or Float8E5M2, innermost stride 1.</param>
    /// <param name="scales">[…,⌈M/gran⌉,⌈N/gran⌉]: Float32, Float8E8M0 or packed Int32.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="gran">Edge of a block, a power of two from 16 to 256.</param>
    /// <param name="ue8m0">Round scales up to powers of two; implied by scales that are not Float32.</param>
    /// <param name="rule">The scale formula.</param>
    /// <exception cref="ArgumentException">Wrong element type, shape, stride, device or granularity.</exception>
    /// <exception cref="NotSupportedException">The native library has no kernels for the device.</exception>
    /// <exception cref="NativeLibraryNotFoundException">The native library is not installed.</exception>
    public static void QuantizePerBlock(
        Tensor x,
        Tensor data,
        Tensor scales,
        CudaStream stream,
        int gran = 128,
        bool ue8m0 = false,
        ScaleRule rule = ScaleRule.Divide
    ) =>
        RunOnDevice(
            x,
            data,
            scales,
            stream,
            ParametersOf(NativeScaleBlocks.Block, gran, ue8m0, rule),
            dequantize: false
        );

    /// <summary>Values of per-token codes on a device: code × scale in binary32. Enqueues and returns.</summary>
    /// <param name="data">Codes […,M,K], innermost stride 1.</param>
    /// <param name="scales">[…,M,⌈K/granK⌉].</param>
    /// <param name="destination">[…,M,K], Float32 or BFloat16 (rounded once), any strides.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="granK">Columns per scale.</param>
    /// <exception cref="ArgumentException">Wrong element type, shape, stride, device or granularity.</exception>
    /// <exception cref="NotSupportedException">The native library has no kernels for the device.</exception>
    /// <exception cref="NativeLibraryNotFoundException">The native library is not installed.</exception>
    public static void DequantizePerToken(
        Tensor data,
        Tensor scales,
        Tensor destination,
        CudaStream stream,
        int granK = 128
    ) =>
        RunOnDevice(
            destination,
            data,
            scales,
            stream,
            ParametersOf(NativeScaleBlocks.Token, granK, ue8m0: false, ScaleRule.Divide),
            dequantize: true
        );

    /// <summary>Values of per-block codes on a device: code × scale in binary32. Enqueues and returns.</summary>
    /// <param name="data">Codes […,M,N], innermost stride 1.</param>
    /// <param name="scales">[…,⌈M/gran⌉,⌈N/gran⌉].</param>
    /// <param name="destination">[…,M,N], Float32 or BFloat16 (rounded once), any strides.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="gran">Edge of a block.</param>
    /// <exception cref="ArgumentException">Wrong element type, shape, stride, device or granularity.</exception>
    /// <exception cref="NotSupportedException">The native library has no kernels for the device.</exception>
    /// <exception cref="NativeLibraryNotFoundException">The native library is not installed.</exception>
    public static void DequantizePerBlock(
        Tensor data,
        Tensor scales,
        Tensor destination,
        CudaStream stream,
        int gran = 128
    ) =>
        RunOnDevice(
            destination,
            data,
            scales,
            stream,
            ParametersOf(NativeScaleBlocks.Block, gran, ue8m0: false, ScaleRule.Divide),
            dequantize: true
        );

    /// <summary>One scale per column and <paramref name="granK"/> rows, on a device. Enqueues and returns.</summary>
    /// <param name="x">[…,K,N], Float32 or BFloat16, on the stream's device.</param>
    /// <param name="data">Codes […,K,N], Float8E4M3 or Float8E5M2, innermost stride 1.</param>
    /// <param name="scales">[…,K/granK,N], or […,⌈K/granK/4⌉,N] if packed Int32: Float32, Float8E8M0 or Int32.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="granK">Rows per scale, a power of two from 16 to 256 that divides K.</param>
    /// <param name="ue8m0">Round scales up to powers of two; implied by scales that are not Float32.</param>
    /// <param name="rule">The scale formula.</param>
    /// <exception cref="ArgumentException">Wrong element type, shape, stride, device or granularity.</exception>
    /// <exception cref="NotSupportedException">The native library has no kernels for the device.</exception>
    /// <exception cref="NativeLibraryNotFoundException">The native library is not installed.</exception>
    public static void QuantizePerChannel(
        Tensor x,
        Tensor data,
        Tensor scales,
        CudaStream stream,
        int granK = 128,
        bool ue8m0 = false,
        ScaleRule rule = ScaleRule.Divide
    ) =>
        RunOnDevice(
            x,
            data,
            scales,
            stream,
            ParametersOf(NativeScaleBlocks.Channel, granK, ue8m0, rule),
            dequantize: false
        );

    /// <summary>FP4 codes with one scale per row and <paramref name="granK"/> columns, on a device. Enqueues and returns.</summary>
    /// <param name="x">[…,M,K], K even, Float32 or BFloat16, on the stream's device.</param>
    /// <param name="data">UInt8 […,M,K/2], innermost stride 1.</param>
    /// <param name="scales">[…,M,⌈K/granK⌉]: Float32, Float8E8M0 or packed Int32.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="granK">Columns per scale, a power of two from 16 to 256.</param>
    /// <param name="ue8m0">Round scales up to powers of two; implied by scales that are not Float32.</param>
    /// <param name="rounding">How codes are rounded.</param>
    /// <exception cref="ArgumentException">Wrong element type, shape, stride, device or granularity.</exception>
    /// <exception cref="NotSupportedException">The native library has no kernels for the device.</exception>
    /// <exception cref="NativeLibraryNotFoundException">The native library is not installed.</exception>
    public static void QuantizePerTokenFp4(
        Tensor x,
        Tensor data,
        Tensor scales,
        CudaStream stream,
        int granK = 128,
        bool ue8m0 = false,
        Fp4Rounding rounding = Fp4Rounding.NearestEven
    )
    {
        if (!Enum.IsDefined(rounding))
            throw new ArgumentOutOfRangeException(nameof(rounding), rounding, "Not a rounding.");
        var parameters = ParametersOf(NativeScaleBlocks.Token, granK, ue8m0, ScaleRule.Divide);
        parameters.Fp4Rounding = (uint)(
            rounding == Fp4Rounding.HalfDown
                ? NativeFp4Rounding.HalfDown
                : NativeFp4Rounding.NearestEven
        );
        RunOnDevice(x, data, scales, stream, parameters, dequantize: false, isFp4: true);
    }

    /// <summary>Values of per-channel codes on a device: code × scale in binary32. Enqueues and returns.</summary>
    /// <param name="data">Codes […,K,N], innermost stride 1.</param>
    /// <param name="scales">[…,K/granK,N].</param>
    /// <param name="destination">[…,K,N], Float32 or BFloat16 (rounded once), any strides.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="granK">Rows per scale.</param>
    /// <exception cref="ArgumentException">Wrong element type, shape, stride, device or granularity.</exception>
    /// <exception cref="NotSupportedException">The native library has no kernels for the device.</exception>
    /// <exception cref="NativeLibraryNotFoundException">The native library is not installed.</exception>
    public static void DequantizePerChannel(
        Tensor data,
        Tensor scales,
        Tensor destination,
        CudaStream stream,
        int granK = 128
    ) =>
        RunOnDevice(
            destination,
            data,
            scales,
            stream,
            ParametersOf(NativeScaleBlocks.Channel, granK, ue8m0: false, ScaleRule.Divide),
            dequantize: true
        );

    /// <summary>Values of FP4 codes on a device: code × scale in binary32. Enqueues and returns.</summary>
    /// <param name="data">UInt8 […,M,K/2], innermost stride 1.</param>
    /// <param name="scales">[…,M,⌈K/granK⌉].</param>
    /// <param name="destination">[…,M,K], Float32 or BFloat16 (rounded once), any strides.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="granK">Columns per scale.</param>
    /// <exception cref="ArgumentException">Wrong element type, shape, stride, device or granularity.</exception>
    /// <exception cref="NotSupportedException">The native library has no kernels for the device.</exception>
    /// <exception cref="NativeLibraryNotFoundException">The native library is not installed.</exception>
    public static void DequantizeFp4(
        Tensor data,
        Tensor scales,
        Tensor destination,
        CudaStream stream,
        int granK = 128
    ) =>
        RunOnDevice(
            destination,
            data,
            scales,
            stream,
            ParametersOf(NativeScaleBlocks.Token, granK, ue8m0: false, ScaleRule.Divide),
            dequantize: true,
            isFp4: true
        );

    private static NativeCoreQuantizeParams ParametersOf(
        NativeScaleBlocks blocks,
        int granularity,
        bool ue8m0,
        ScaleRule rule
    ) =>
        new()
        {
            StructSize = (uint)sizeof(NativeCoreQuantizeParams),
            Blocks = (int)blocks,
            Granularity = granularity,
            Rule = (int)rule,
            PowerOfTwo = ue8m0 ? 1u : 0u,
        };

    private static void RunOnDevice(
        Tensor values,
        Tensor data,
        Tensor scales,
        CudaStream stream,
        NativeCoreQuantizeParams parameters,
        bool dequantize,
        bool isFp4 = false
    )
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(data);
        // The native function tells the formats by the element type alone.
        if (isFp4 && data.DType != DType.UInt8)
            throw new ArgumentException(
                $"data: expected UInt8 with two codes per byte, got {data.DType}",
                nameof(data)
            );
        if (!isFp4)
            _ = QuantizerChecks.FormatOf(data.DType, nameof(data));
        NativeTensors.Check(values, dequantize ? "destination" : "x", stream);
        NativeTensors.Check(data, nameof(data), stream);
        NativeTensors.Check(scales, nameof(scales), stream);
        CoreLibrary.Area.EnsureDriver();
        Unsafe.SkipInit(out NativeTensors.Dimensions valueDimensions);
        Unsafe.SkipInit(out NativeTensors.Dimensions dataDimensions);
        Unsafe.SkipInit(out NativeTensors.Dimensions scaleDimensions);
        var v = NativeTensors.Describe(values, &valueDimensions);
        var d = NativeTensors.Describe(data, &dataDimensions);
        var s = NativeTensors.Describe(scales, &scaleDimensions);
        using (stream.Use())
        {
            var status = dequantize
                ? CoreNativeMethods.Dequantize(&d, &s, &v, &parameters, stream.SafeHandle)
                : CoreNativeMethods.Quantize(&v, &d, &s, &parameters, stream.SafeHandle);
            status.ThrowIfFailed(dequantize ? "Dequantize" : "Quantize");
        }
        values.RecordStream(stream);
        data.RecordStream(stream);
        scales.RecordStream(stream);
    }
}
