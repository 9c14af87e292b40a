// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla;

/// <summary>Head counts and head dimensions of an attention layer.</summary>
/// <param name="QueryHeads">Query heads; a multiple of <paramref name="KvHeads"/>.</param>
/// <param name="KvHeads">Key/value heads; 1 for absorbed multi-head latent attention.</param>
/// <param name="HeadDim">Elements of a query or key row.</param>
/// <param name="ValueDim">Elements of a value row; in a latent cache the first elements of the key row.</param>
public readonly record struct MlaShape(int QueryHeads, int KvHeads, int HeadDim, int ValueDim)
{
    /// <summary>Longest rows; beyond this the offsets inside a tile of rows would not fit 32 bits.</summary>
    internal const int MaxDim = 65_536;

    /// <summary>Query heads that share one key/value head.</summary>
    public int GroupSize => QueryHeads / KvHeads;

    /// <summary>Absorbed form of DeepSeek-V3, V3.1 and V3.2: latent 512 plus 64 rotary, values are the latent.</summary>
    /// <param name="heads">Query heads.</param>
    public static MlaShape DeepSeekV3(int heads = 128) => new(heads, 1, 576, 512);

    /// <summary>Absorbed form of the newer family: 448 latent plus 64 rotary, values are all 512 columns.</summary>
    /// <param name="heads">Query heads.</param>
    public static MlaShape Model1(int heads = 128) => new(heads, 1, 512, 512);

    /// <summary>Unabsorbed form of DeepSeek-V3: 128 plus 64 rotary, values of 128.</summary>
    /// <param name="heads">Query heads.</param>
    /// <param name="kvHeads">Key/value heads.</param>
    public static MlaShape Mha192(int heads, int kvHeads) => new(heads, kvHeads, 192, 128);

    /// <summary>Ordinary multi-head attention with 128 elements per head.</summary>
    /// <param name="heads">Query heads.</param>
    /// <param name="kvHeads">Key/value heads.</param>
    public static MlaShape Mha128(int heads, int kvHeads) => new(heads, kvHeads, 128, 128);

    internal void Validate(string paramName, string? dimName = null)
    {
        if (QueryHeads < 1 || KvHeads < 1 || QueryHeads % KvHeads != 0)
            throw new ArgumentException(
                $"{paramName}: expected query heads to be a positive multiple of KV heads, got {QueryHeads} and {KvHeads}",
                paramName
            );
        if (HeadDim is < 1 or > MaxDim || ValueDim is < 1 or > MaxDim)
            throw new ArgumentException(
                $"{dimName ?? paramName}: expected dimensions in [1,{MaxDim}], got HeadDim {HeadDim} and ValueDim {ValueDim}",
                dimName ?? paramName
            );
    }
}
