// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Quantization;

/// <summary>Codes and their scales, both owned: disposing frees both.</summary>
/// <param name="data">The codes: FP8, or UInt8 with two FP4 codes per byte.</param>
/// <param name="scales">The scales: Float32, Float8E8M0, or Int32 with four E8M0 codes each.</param>
public sealed class QuantizedTensor(Tensor data, Tensor scales) : IDisposable
{
    /// <summary>The codes: FP8, or UInt8 with two FP4 codes per byte.</summary>
    public Tensor Data { get; } = data;

    /// <summary>The scales: Float32, Float8E8M0, or Int32 with four E8M0 codes each, the first one lowest.</summary>
    public Tensor Scales { get; } = scales;

    /// <summary>True if <see cref="Data"/> holds packed FP4 codes.</summary>
    public bool IsFp4 => Data.DType == DType.UInt8;

    /// <summary>Splits into codes and scales, which the caller may then dispose separately.</summary>
    /// <param name="data">The codes.</param>
    /// <param name="scales">The scales.</param>
    public void Deconstruct(out Tensor data, out Tensor scales)
    {
        data = Data;
        scales = Scales;
    }

    /// <summary>Frees codes and scales.</summary>
    public void Dispose()
    {
        Data.Dispose();
        Scales.Dispose();
    }
}
