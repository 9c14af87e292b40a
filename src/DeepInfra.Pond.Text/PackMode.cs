// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Text;

/// <summary>How documents are laid out in samples.</summary>
public enum PackMode
{
    /// <summary>All documents one after the other, cut every sequence length. Documents continue in the next sample.</summary>
    ConcatAndChunk,

    /// <summary>
    /// Documents stay whole: the longest first, each into the sample with the least room that fits. Longer ones are
    /// cut into pieces of the sequence length. The rest of a sample is padding.
    /// </summary>
    BestFitDecreasing,
}
