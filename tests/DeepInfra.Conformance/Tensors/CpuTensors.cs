// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.Core.Numerics;
using DeepInfra.Core.Quantization;
using Xunit;

namespace DeepInfra.Conformance.Tensors;

/// <summary>A SIMD tier as a type.</summary>
public interface ITier
{
    static abstract SimdTier Value { get; }
}

public readonly struct ReferenceTier : ITier
{
    public static SimdTier Value => SimdTier.Reference;
}

public readonly struct Tier128 : ITier
{
    public static SimdTier Value => SimdTier.V128;
}

public readonly struct Tier256 : ITier
{
    public static SimdTier Value => SimdTier.V256;
}

public readonly struct Tier512 : ITier
{
    public static SimdTier Value => SimdTier.V512;
}

/// <summary>The CPU at one SIMD tier. Skips where the processor has not got it.</summary>
public readonly struct CpuTensors<TTier> : ITensorBackend
    where TTier : struct, ITier
{
    private static CpuBackendOptions Options => new() { MaxIsa = TTier.Value };

    public static void Require() =>
        Assert.SkipUnless(
            CpuBackendOptions.HardwareTier >= TTier.Value,
            $"needs {TTier.Value} (found: {CpuBackendOptions.HardwareTier})"
        );

    public static void Fill(Operand destination, ulong bits) =>
        Dispatch(destination.View, new FillAction(bits));

    public static void Copy(Operand source, Operand destination) =>
        Dispatch(source.View, new CopyAction(destination.View));

    // A conversion is a widening and a narrowing of spans; other layouts are copied before and after.
    public static void Cast(Operand source, Operand destination, OverflowMode overflow)
    {
        var values = new float[source.View.ElementCount];
        switch (source.View)
        {
            case Tensor<float> x:
                x.ToArray().CopyTo(values, 0);
                break;
            case Tensor<Half> x:
                NumberConvert.Widen(x.ToArray(), values, TTier.Value);
                break;
            case Tensor<BFloat16> x:
                NumberConvert.Widen(x.ToArray(), values, TTier.Value);
                break;
            case Tensor<Float8E4M3> x:
                NumberConvert.Widen(x.ToArray(), values, TTier.Value);
                break;
            case Tensor<Float8E5M2> x:
                NumberConvert.Widen(x.ToArray(), values, TTier.Value);
                break;
        }
        switch (destination.View)
        {
            case Tensor<float> y:
                Store(values, y);
                break;
            case Tensor<Half> y:
                var halves = new Half[values.Length];
                NumberConvert.Narrow(values, halves, TTier.Value);
                Store(halves, y);
                break;
            case Tensor<BFloat16> y:
                var brains = new BFloat16[values.Length];
                NumberConvert.Narrow(values, brains, TTier.Value);
                Store(brains, y);
                break;
            case Tensor<Float8E4M3> y:
                var e4m3 = new Float8E4M3[values.Length];
                NumberConvert.Narrow(values, e4m3, overflow, TTier.Value);
                Store(e4m3, y);
                break;
            case Tensor<Float8E5M2> y:
                var e5m2 = new Float8E5M2[values.Length];
                NumberConvert.Narrow(values, e5m2, overflow, TTier.Value);
                Store(e5m2, y);
                break;
        }
    }

    public static void Quantize(QuantizeCase form, Operand x, Operand data, Operand scales)
    {
        var (from, codes, to) = (x.View, data.View, scales.View);
        if (form.IsFp4)
            Quantizer.QuantizePerTokenFp4(
                from,
                codes,
                to,
                form.Gran,
                form.Ue8m0,
                form.Rounding,
                Options
            );
        else if (form.Blocks == QuantizeBlocks.Token)
            Quantizer.QuantizePerToken(from, codes, to, form.Gran, form.Ue8m0, form.Rule, Options);
        else if (form.Blocks == QuantizeBlocks.Block)
            Quantizer.QuantizePerBlock(from, codes, to, form.Gran, form.Ue8m0, form.Rule, Options);
        else
            Quantizer.QuantizePerChannel(
                from,
                codes,
                to,
                form.Gran,
                form.Ue8m0,
                form.Rule,
                Options
            );
    }

    public static void Dequantize(
        QuantizeCase form,
        Operand data,
        Operand scales,
        Operand destination
    )
    {
        var (codes, from, to) = (data.View, scales.View, destination.View);
        if (form.IsFp4)
            Quantizer.DequantizeFp4(codes, from, to, form.Gran, Options);
        else if (form.Blocks == QuantizeBlocks.Token)
            Quantizer.DequantizePerToken(codes, from, to, form.Gran, Options);
        else if (form.Blocks == QuantizeBlocks.Block)
            Quantizer.DequantizePerBlock(codes, from, to, form.Gran, Options);
        else
            Quantizer.DequantizePerChannel(codes, from, to, form.Gran, Options);
    }

    private static void Store<T>(T[] values, Tensor<T> destination)
        where T : unmanaged
    {
        using var compact = Tensor<T>.FromSpan(values, destination.Shape);
        compact.CopyTo(destination);
    }

    private static void Dispatch<TAction>(Tensor tensor, TAction action)
        where TAction : struct, ITypedAction
    {
        switch (tensor.DType)
        {
            case DType.UInt8:
                action.Run(tensor.As<byte>());
                break;
            case DType.Float8E4M3:
                action.Run(tensor.As<Float8E4M3>());
                break;
            case DType.Float8E5M2:
                action.Run(tensor.As<Float8E5M2>());
                break;
            case DType.Float8E8M0:
                action.Run(tensor.As<Float8E8M0>());
                break;
            case DType.Boolean:
                action.Run(tensor.As<bool>());
                break;
            case DType.Int16:
                action.Run(tensor.As<short>());
                break;
            case DType.Float16:
                action.Run(tensor.As<Half>());
                break;
            case DType.BFloat16:
                action.Run(tensor.As<BFloat16>());
                break;
            case DType.Int32:
                action.Run(tensor.As<int>());
                break;
            case DType.Float32:
                action.Run(tensor.As<float>());
                break;
            case DType.Int64:
                action.Run(tensor.As<long>());
                break;
            case DType.Float64:
                action.Run(tensor.As<double>());
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(tensor), tensor.DType, "Not covered.");
        }
    }

    private interface ITypedAction
    {
        void Run<T>(Tensor<T> tensor)
            where T : unmanaged;
    }

    private readonly struct FillAction(ulong bits) : ITypedAction
    {
        public unsafe void Run<T>(Tensor<T> tensor)
            where T : unmanaged
        {
            var copy = bits;
            tensor.Fill(*(T*)&copy);
        }
    }

    private readonly struct CopyAction(Tensor destination) : ITypedAction
    {
        public void Run<T>(Tensor<T> tensor)
            where T : unmanaged => tensor.CopyTo(destination.As<T>());
    }
}
