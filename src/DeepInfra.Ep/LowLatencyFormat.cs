// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep;

/// <summary>How a low-latency dispatch sends rows.</summary>
public enum LowLatencyFormat
{
    /// <summary>BFloat16 as given.</summary>
    Bf16,

    /// <summary>E4M3 codes with a Float32 scale per 128 channels: scale = amax·(1/448), code = round(x·(448/amax)), amax at least 1e-4.</summary>
    Fp8,

    /// <summary>As <see cref="Fp8"/>, scales rounded up to powers of two.</summary>
    Fp8PowerOfTwo,

    /// <summary>As <see cref="Fp8PowerOfTwo"/>, scales as exponent bytes, four in an Int32, the first lowest; H must be a multiple of 512.</summary>
    Fp8Ue8m0,
}
