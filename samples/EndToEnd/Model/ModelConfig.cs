// SPDX-License-Identifier: MIT
namespace EndToEnd.Model;

/// <summary>
/// Sizes of the model: an MLA + mixture-of-experts transformer, small in width but with the real latent (512)
/// and rotary (64) dimensions, so that the same attention kernels run as in the large models.
/// </summary>
internal sealed record ModelConfig
{
    public int Vocabulary { get; init; } = 2048;
    public int Layers { get; init; } = 4;
    public int Width { get; init; } = 128;
    public int Heads { get; init; } = 2;

    /// <summary>Per-head key size without position.</summary>
    public int NopeDim { get; init; } = 128;
    public int RopeDim { get; init; } = 64;
    public int ValueDim { get; init; } = 128;
    public int Latent { get; init; } = 512;
    public int Experts { get; init; } = 8;
    public int ExpertsPerToken { get; init; } = 2;
    public int ExpertWidth { get; init; } = 256;
    public int ExpertRanks { get; init; } = 2;
    public int SequenceLength { get; init; } = 128;

    /// <summary>Sequences of a training micro-batch on one expert rank.</summary>
    public int SequencesPerRank { get; init; } = 2;
    public float RopeBase { get; init; } = 10_000;
    public float NormEpsilon { get; init; } = 1e-6f;

    public int QueryDim => NopeDim + RopeDim;
    public int LocalExperts => Experts / ExpertRanks;

    /// <summary>Scale of the logits: 1/sqrt of the unabsorbed head size, in prefill and in decode.</summary>
    public float SoftmaxScale => 1f / MathF.Sqrt(QueryDim);

    /// <summary>Parameters that one token touches, embedding and head included.</summary>
    public long ActiveParameters
    {
        get
        {
            long attention =
                (long)Heads * QueryDim * Width
                + (Latent + RopeDim) * Width
                + (long)Heads * (NopeDim + ValueDim) * Latent
                + (long)Width * Heads * ValueDim;
            long experts = (ExpertsPerToken + 1L) * 3 * Width * ExpertWidth + Width * Experts;
            return Layers * (attention + experts) + 2L * Vocabulary * Width;
        }
    }
}
