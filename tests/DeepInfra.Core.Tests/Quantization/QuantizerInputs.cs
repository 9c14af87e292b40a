// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using DeepInfra.Core.Cpu;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Quantization;

/// <summary>Inputs of quantiser tests and ways to look at results.</summary>
internal static class QuantizerInputs
{
    public static TheoryData<SimdTier, DType> TiersAndTypes
    {
        get
        {
            var data = new TheoryData<SimdTier, DType>();
            foreach (var tier in SimdTiers.Supported)
            foreach (var dtype in new[] { DType.Float32, DType.BFloat16 })
                data.Add(tier, dtype);
            return data;
        }
    }

    public static (float Max, Func<float, byte> Encode) Codec(DType format) =>
        format == DType.Float8E4M3 ? (448, QuantizerOracle.E4M3) : (57344, QuantizerOracle.E5M2);

    public static byte Code(Tensor data, long row, long column) =>
        data is Tensor<Float8E4M3> e4m3
            ? e4m3[row, column].Bits
            : data.As<Float8E5M2>()[row, column].Bits;

    public static float Value(Tensor x, long row, long column) => ValueAt(x, [row, column]);

    public static float ValueAt(Tensor x, long[] index) =>
        x is Tensor<float> wide ? wide[index] : (float)x.As<BFloat16>()[index];

    public static IEnumerable<long[]> AllIndices(Shape shape)
    {
        for (long i = 0; i < shape.ElementCount; i++)
        {
            var index = new long[shape.Rank];
            var rest = i;
            for (var d = shape.Rank - 1; d >= 0; d--)
                (rest, index[d]) = Math.DivRem(rest, shape[d]);
            yield return index;
        }
    }

    public static Tensor Input(DType dtype, Shape shape)
    {
        using var wide = new DeterministicRandom(7).Normal<float>(shape, deviation: 3);
        var values = wide.AsSpan();
        // Some blocks of zeros and of tiny numbers.
        for (var i = 0; i < values.Length; i++)
            if (i / 256 % 5 == 3)
                values[i] *= i / 1280 % 2 == 0 ? 0 : 1e-7f;
        return Convert(wide, dtype);
    }

    public static Tensor Convert(Tensor<float> wide, DType dtype)
    {
        if (dtype == DType.Float32)
            return wide.ToContiguous();
        return Tensor<BFloat16>.FromSpan([.. wide.ToArray().Select(v => (BFloat16)v)], wide.Shape);
    }

    public static Tensor Transposed(Tensor x) =>
        x is Tensor<float> wide
            ? wide.AsTransposed().ToContiguous()
            : x.As<BFloat16>().AsTransposed().ToContiguous();

    public static CpuBackendOptions Options(SimdTier tier) => new() { MaxIsa = tier };

    public static uint Bits(float value) => MemoryMarshal.Cast<float, uint>([value])[0];
}
