// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla;

/// <summary>How a KV cache stores a token.</summary>
public enum KvCacheFormat
{
    /// <summary>Plain rows <c>[blocks, page, KV heads, D]</c> of <see cref="Core.BFloat16"/>.</summary>
    BFloat16,

    /// <summary>Plain rows <c>[blocks, page, KV heads, D]</c> of <see cref="Half"/>.</summary>
    Float16,

    /// <summary>656 bytes per token: 512 FP8 E4M3 codes, four float32 scales of 128 columns each, 64 BFloat16 rotary values.</summary>
    Fp8V32,

    /// <summary>
    /// 584 bytes per token, split inside the block: first 576 bytes per token (448 FP8 E4M3 codes and 64 BFloat16
    /// rotary values), then 8 bytes per token (seven power-of-two scale bytes of 64 columns each and a zero byte).
    /// </summary>
    Fp8Model1,
}
