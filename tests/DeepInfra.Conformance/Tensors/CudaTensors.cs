// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.Core.Quantization;
using DeepInfra.Testing;
using Xunit;

namespace DeepInfra.Conformance.Tensors;

/// <summary>The first CUDA device: the simulator in a process that selects it, or a GPU. Skips without.</summary>
public readonly struct CudaTensors : ITensorBackend, IComparingBackend
{
    public static void Require()
    {
        NativeLibraries.Require("deepinfra_core");
        Assert.SkipUnless(
            CudaDevice.IsAvailable,
            $"needs the CUDA simulator or a GPU (found: none; {CudaDevice.MissingReason?.Split('\n')[0]})"
        );
    }

    public static void Fill(Operand destination, ulong bits) =>
        Run([destination], (t, stream) => CudaTensor.Fill(t[0], bits, stream));

    public static void Copy(Operand source, Operand destination) =>
        Run([source, destination], (t, stream) => CudaTensor.Copy(t[0], t[1], stream));

    public static void Cast(Operand source, Operand destination, OverflowMode overflow) =>
        Run([source, destination], (t, stream) => CudaTensor.Cast(t[0], t[1], stream, overflow));

    public static void Quantize(QuantizeCase form, Operand x, Operand data, Operand scales) =>
        Run(
            [x, data, scales],
            (t, stream) =>
            {
                if (form.IsFp4)
                    Quantizer.QuantizePerTokenFp4(
                        t[0],
                        t[1],
                        t[2],
                        stream,
                        form.Gran,
                        form.Ue8m0,
                        form.Rounding
                    );
                else if (form.Blocks == QuantizeBlocks.Token)
                    Quantizer.QuantizePerToken(
                        t[0],
                        t[1],
                        t[2],
                        stream,
                        form.Gran,
                        form.Ue8m0,
                        form.Rule
                    );
                else if (form.Blocks == QuantizeBlocks.Block)
                    Quantizer.QuantizePerBlock(
                        t[0],
                        t[1],
                        t[2],
                        stream,
                        form.Gran,
                        form.Ue8m0,
                        form.Rule
                    );
                else
                    Quantizer.QuantizePerChannel(
                        t[0],
                        t[1],
                        t[2],
                        stream,
                        form.Gran,
                        form.Ue8m0,
                        form.Rule
                    );
            }
        );

    public static void Dequantize(
        QuantizeCase form,
        Operand data,
        Operand scales,
        Operand destination
    ) =>
        Run(
            [data, scales, destination],
            (t, stream) =>
            {
                if (form.IsFp4)
                    Quantizer.DequantizeFp4(t[0], t[1], t[2], stream, form.Gran);
                else if (form.Blocks == QuantizeBlocks.Token)
                    Quantizer.DequantizePerToken(t[0], t[1], t[2], stream, form.Gran);
                else if (form.Blocks == QuantizeBlocks.Block)
                    Quantizer.DequantizePerBlock(t[0], t[1], t[2], stream, form.Gran);
                else
                    Quantizer.DequantizePerChannel(t[0], t[1], t[2], stream, form.Gran);
            }
        );

    public static TensorDifference Compare(
        Operand actual,
        Operand expected,
        float absolute,
        float relative
    )
    {
        TensorDifference result = default;
        Run(
            [actual, expected],
            (t, stream) => result = CudaTensor.Compare(t[0], t[1], stream, absolute, relative)
        );
        return result;
    }

    // The whole storage goes there and back.
    private static void Run(Operand[] operands, Action<Tensor[], CudaStream> operation)
    {
        using var stream = new CudaStream(Device.Cuda(0));
        using var scope = new TensorScope();
        var device = Array.ConvertAll(operands, o => o.ToDevice(stream));
        operation(Array.ConvertAll(device, d => d.View), stream);
        for (var i = 0; i < operands.Length; i++)
            device[i].Storage.CopyTo(operands[i].Storage, stream);
        stream.Synchronize();
    }
}
