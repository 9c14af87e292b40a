// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core.Interop;

namespace DeepInfra.Core.Cuda;

/// <summary>
/// Elementwise operations on tensors in device memory, run by <c>libdeepinfra_core</c>. Each one enqueues on the stream and returns;
/// nothing is allocated. Strides are arbitrary; an output must not overlap another tensor of the call. Thread-safe.
/// </summary>
/// <example>
/// <code>
/// using var stream = new CudaStream(Device.Cuda(0));
/// using var x = Tensor&lt;float&gt;.Create([4, 256], stream);
/// using var y = Tensor&lt;BFloat16&gt;.Create([4, 256], stream);
/// CudaTensor.Cast(x, y, stream);
/// </code>
/// </example>
public static unsafe class CudaTensor
{
    /// <summary>Sets every element to the same bits.</summary>
    /// <param name="destination">Any shape, elements of 1, 2, 4 or 8 bytes.</param>
    /// <param name="bits">Bits of the element, right-aligned.</param>
    /// <param name="stream">The stream.</param>
    /// <exception cref="ArgumentException">The tensor is not on the stream's device, or the bits do not fit.</exception>
    /// <exception cref="NotSupportedException">The native library has no kernels for the device.</exception>
    /// <exception cref="NativeLibraryNotFoundException">The native library is not installed.</exception>
    public static void Fill(Tensor destination, ulong bits, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        NativeTensors.Check(destination, nameof(destination), stream);
        CoreLibrary.Area.EnsureDriver();
        Unsafe.SkipInit(out NativeTensors.Dimensions dimensions);
        var native = NativeTensors.Describe(destination, &dimensions);
        var parameters = new NativeCoreFillParams
        {
            StructSize = (uint)sizeof(NativeCoreFillParams),
            Bits = bits,
        };
        using (stream.Use())
            CoreNativeMethods
                .Fill(&native, &parameters, stream.SafeHandle)
                .ThrowIfFailed(nameof(Fill));
        destination.RecordStream(stream);
    }

    /// <summary>Copies elements between layouts of the same shape and type, for example to make a transposed view compact.</summary>
    /// <param name="source">Any shape, elements of 1, 2, 4 or 8 bytes.</param>
    /// <param name="destination">The same shape and type.</param>
    /// <param name="stream">The stream.</param>
    /// <exception cref="ArgumentException">Shape, type or device differ, or the tensors overlap.</exception>
    /// <exception cref="NotSupportedException">The native library has no kernels for the device.</exception>
    /// <exception cref="NativeLibraryNotFoundException">The native library is not installed.</exception>
    public static void Copy(Tensor source, Tensor destination, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        NativeTensors.Check(source, nameof(source), stream);
        NativeTensors.Check(destination, nameof(destination), stream);
        CoreLibrary.Area.EnsureDriver();
        Unsafe.SkipInit(out NativeTensors.Dimensions sourceDimensions);
        Unsafe.SkipInit(out NativeTensors.Dimensions destinationDimensions);
        var from = NativeTensors.Describe(source, &sourceDimensions);
        var to = NativeTensors.Describe(destination, &destinationDimensions);
        using (stream.Use())
            CoreNativeMethods.Copy(&from, &to, stream.SafeHandle).ThrowIfFailed(nameof(Copy));
        source.RecordStream(stream);
        destination.RecordStream(stream);
    }

    /// <summary>
    /// Converts between Float32, Float16, BFloat16, Float8E4M3 and Float8E5M2, through binary32; bit-equal to the conversion
    /// operators of the element types.
    /// </summary>
    /// <param name="source">Any shape.</param>
    /// <param name="destination">The same shape.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="overflow">What values beyond the range of an 8-bit format become.</param>
    /// <exception cref="ArgumentException">Wrong type, shape or device, or the tensors overlap.</exception>
    /// <exception cref="NotSupportedException">The native library has no kernels for the device.</exception>
    /// <exception cref="NativeLibraryNotFoundException">The native library is not installed.</exception>
    public static void Cast(
        Tensor source,
        Tensor destination,
        CudaStream stream,
        OverflowMode overflow = OverflowMode.SaturateFinite
    )
    {
        ArgumentNullException.ThrowIfNull(stream);
        NativeTensors.Check(source, nameof(source), stream);
        NativeTensors.Check(destination, nameof(destination), stream);
        CoreLibrary.Area.EnsureDriver();
        Unsafe.SkipInit(out NativeTensors.Dimensions sourceDimensions);
        Unsafe.SkipInit(out NativeTensors.Dimensions destinationDimensions);
        var from = NativeTensors.Describe(source, &sourceDimensions);
        var to = NativeTensors.Describe(destination, &destinationDimensions);
        var parameters = new NativeCoreCastParams
        {
            StructSize = (uint)sizeof(NativeCoreCastParams),
            Overflow = (int)(
                overflow == OverflowMode.SaturateFinite
                    ? NativeOverflow.SaturateFinite
                    : NativeOverflow.NoSaturate
            ),
        };
        using (stream.Use())
            CoreNativeMethods
                .Cast(&from, &to, &parameters, stream.SafeHandle)
                .ThrowIfFailed(nameof(Cast));
        source.RecordStream(stream);
        destination.RecordStream(stream);
    }

    /// <summary>
    /// Compares values in binary32 on the device and waits for the result. An element differs if
    /// |actual - expected| &gt; absolute + relative · |expected|; two NaN and equal infinities are equal.
    /// </summary>
    /// <param name="actual">Float32, Float16, BFloat16, Float8E4M3 or Float8E5M2.</param>
    /// <param name="expected">The same shape, any of these types.</param>
    /// <param name="stream">The stream.</param>
    /// <param name="absolute">Tolerance, not negative.</param>
    /// <param name="relative">Tolerance, not negative.</param>
    /// <exception cref="ArgumentException">Wrong type, shape, device or tolerance.</exception>
    /// <exception cref="NotSupportedException">The native library has no kernels for the device.</exception>
    /// <exception cref="NativeLibraryNotFoundException">The native library is not installed.</exception>
    public static TensorDifference Compare(
        Tensor actual,
        Tensor expected,
        CudaStream stream,
        float absolute = 0,
        float relative = 0
    )
    {
        ArgumentNullException.ThrowIfNull(stream);
        NativeTensors.Check(actual, nameof(actual), stream);
        NativeTensors.Check(expected, nameof(expected), stream);
        CoreLibrary.Area.EnsureDriver();
        using var result = Tensor<byte>.Create(
            [sizeof(NativeCoreCompareResult)],
            stream,
            zeroed: false
        );
        Unsafe.SkipInit(out NativeTensors.Dimensions actualDimensions);
        Unsafe.SkipInit(out NativeTensors.Dimensions expectedDimensions);
        var a = NativeTensors.Describe(actual, &actualDimensions);
        var e = NativeTensors.Describe(expected, &expectedDimensions);
        var parameters = new NativeCoreCompareParams
        {
            StructSize = (uint)sizeof(NativeCoreCompareParams),
            Absolute = absolute,
            Relative = relative,
        };
        using (stream.Use())
            CoreNativeMethods
                .Compare(
                    &a,
                    &e,
                    &parameters,
                    (NativeCoreCompareResult*)result.DataPointer,
                    stream.SafeHandle
                )
                .ThrowIfFailed(nameof(Compare));
        actual.RecordStream(stream);
        expected.RecordStream(stream);
        result.RecordStream(stream);
        var host = new NativeCoreCompareResult();
        result.CopyTo(new Span<byte>(&host, sizeof(NativeCoreCompareResult)), stream);
        stream.Synchronize();
        return new TensorDifference(
            (long)host.Different,
            host.Different == 0 ? -1 : (long)host.First,
            BitConverter.UInt32BitsToSingle(host.LargestBits),
            host.Unordered
        );
    }
}
