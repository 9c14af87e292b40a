// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla;

/// <summary>Which scales the quantiser writes. Readers accept both.</summary>
public enum KvScaleFormat
{
    /// <summary>The smallest power of two that is at least max(amax / 448, 1e-4).</summary>
    PowerOfTwo,

    /// <summary>max(amax / 448, 1e-12), not rounded. Only <see cref="KvCacheFormat.Fp8V32"/> can hold such scales.</summary>
    Float32,
}
