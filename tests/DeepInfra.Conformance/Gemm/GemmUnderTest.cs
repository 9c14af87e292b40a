// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.Gemm;
using DeepInfra.Testing;
using FluentAssertions;

namespace DeepInfra.Conformance.Gemm;

/// <summary>
/// The dense operators of a backend for tensors of the host. On a device, every operand is copied into an allocation whose rows
/// are longer than the operand's and end in NaN, and the result is copied back: reading or writing outside shows.
/// </summary>
/// <param name="context">The context under test.</param>
public sealed class GemmUnderTest(GemmContext context)
{
    /// <summary>Bytes of padding: NaN in every element type.</summary>
    private const byte PaddingByte = 0xFF;

    /// <summary>Every row starts at a multiple of this many bytes.</summary>
    private const int Alignment = 16;

    /// <summary>This object: suites call the operators as users do.</summary>
    public GemmUnderTest Ops => this;

    /// <summary>
    /// The factor of <see cref="GemmCheck.ShouldBeProduct"/> for FP8 and FP4: tensor cores keep fewer bits of a sum, which the
    /// simulator does not model.
    /// </summary>
    public double Fp8Elementwise =>
        context.Device.IsCpu || CudaDevice.IsSimulated
            ? Tolerances.Gemm.ElementwiseCpu
            : Tolerances.Gemm.ElementwiseFp8Gpu;

    /// <inheritdoc cref="GemmOperators.Fp8Gemm"/>
    public void Fp8Gemm(
        ScaledTensor a,
        ScaledTensor b,
        Tensor d,
        GemmLayout layout,
        GemmCall call = default
    )
    {
        if (context.Device.IsCpu)
        {
            context.Ops.Fp8Gemm(a, b, d, layout, call);
            return;
        }
        using var stream = new CudaStream(context.Device);
        using var scope = new TensorScope();
        var deviceA = a with
        {
            Data = Place(a.Data, stream).View,
            Scales = Scales(a.Scales, stream),
        };
        var deviceB = b with
        {
            Data = Place(b.Data, stream).View,
            Scales = Scales(b.Scales, stream),
        };
        Run(
            d,
            call,
            stream,
            (target, moved) => context.Ops.Fp8Gemm(deviceA, deviceB, target, layout, moved)
        );
    }

    /// <inheritdoc cref="GemmOperators.Bf16Gemm"/>
    public void Bf16Gemm(Tensor a, Tensor b, Tensor d, GemmLayout layout, GemmCall call = default)
    {
        if (context.Device.IsCpu)
        {
            context.Ops.Bf16Gemm(a, b, d, layout, call);
            return;
        }
        using var stream = new CudaStream(context.Device);
        using var scope = new TensorScope();
        var deviceA = Place(a, stream).View;
        var deviceB = Place(b, stream).View;
        Run(
            d,
            call,
            stream,
            (target, moved) => context.Ops.Bf16Gemm(deviceA, deviceB, target, layout, moved)
        );
    }

    /// <inheritdoc cref="GemmOperators.Fp8GemmNT"/>
    public void Fp8GemmNT(ScaledTensor a, ScaledTensor b, Tensor d, GemmCall call = default) =>
        Fp8Gemm(a, b, d, GemmLayout.NT, call);

    /// <inheritdoc cref="GemmOperators.Bf16GemmNT"/>
    public void Bf16GemmNT(Tensor a, Tensor b, Tensor d, GemmCall call = default) =>
        Bf16Gemm(a, b, d, GemmLayout.NT, call);

    private static void Run(
        Tensor d,
        GemmCall call,
        CudaStream stream,
        Action<Tensor, GemmCall> multiply
    )
    {
        var target = Place(d, stream);
        var moved = call with
        {
            Stream = stream,
            Bias = call.Bias?.ToDevice(stream.Device, stream),
        };
        if (call.Accumulate is { } c)
            moved = moved with
            {
                Accumulate = ReferenceEquals(c, d) ? target.View : Place(c, stream).View,
            };

        multiply(target.View, moved);

        target.View.CopyTo(d, stream);
        stream.Synchronize();
        target.CheckPadding(stream);
    }

    private static Tensor Scales(Tensor scales, CudaStream stream) =>
        scales.ElementCount == 0
            ? Tensor.Create(scales.DType, scales.Shape, stream)
            : scales.ToDevice(stream.Device, stream);

    private static Placed Place(Tensor tensor, CudaStream stream)
    {
        var rowMajor = tensor.Strides[-1] == 1 || tensor.Shape[-1] == 1;
        var (rows, columns) = rowMajor
            ? (tensor.Shape[-2], tensor.Shape[-1])
            : (tensor.Shape[-1], tensor.Shape[-2]);
        var step = Alignment / DTypes.SizeInBytes(tensor.DType);
        var host = Tensor.Create(tensor.DType, [rows, (columns / step + 2) * step]);
        Bytes(host).Fill(PaddingByte);
        var storage = host.ToDevice(stream.Device, stream);
        var view = storage.AsSlice(1, 0, columns);
        if (!rowMajor)
            view = view.AsTransposed();
        if (tensor.ElementCount > 0)
            tensor.CopyTo(view, stream);
        return new Placed(storage, view, columns);
    }

    private static unsafe Span<byte> Bytes(Tensor host) =>
        new(
            (byte*)host.DataPointer,
            checked((int)(host.ElementCount * DTypes.SizeInBytes(host.DType)))
        );

    private sealed record Placed(Tensor Storage, Tensor View, long Columns)
    {
        public void CheckPadding(CudaStream stream)
        {
            var host = Storage.ToDevice(Device.Cpu, stream);
            var size = DTypes.SizeInBytes(host.DType);
            var rowBytes = checked((int)(host.Shape[1] * size));
            var used = checked((int)(Columns * size));
            var bytes = Bytes(host);
            for (var row = 0; row < host.Shape[0]; row++)
                bytes
                    .Slice(row * rowBytes + used, rowBytes - used)
                    .IndexOfAnyExcept(PaddingByte)
                    .Should()
                    .Be(-1, "row {0} must end untouched", row);
        }
    }
}
