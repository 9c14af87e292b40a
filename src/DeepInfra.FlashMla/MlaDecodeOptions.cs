// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;

namespace DeepInfra.FlashMla;

/// <summary>What a <see cref="MlaDecodePlan"/> is made for. Immutable.</summary>
public sealed record MlaDecodeOptions
{
    /// <summary>Head counts and dimensions of the query and the cache.</summary>
    public MlaShape Shape { get; init; } = MlaShape.DeepSeekV3();

    /// <summary>Query tokens per request; more than 1 for speculative decoding.</summary>
    public int QueryTokens { get; init; } = 1;

    /// <summary>Most requests per call; a call may have fewer.</summary>
    public int MaxBatch { get; init; } = 128;

    /// <summary>Tokens per cache block, at least 1.</summary>
    public int PageSize { get; init; } = 64;

    /// <summary>Storage format of the cache.</summary>
    public KvCacheFormat Format { get; init; } = KvCacheFormat.BFloat16;

    /// <summary>
    /// True if query token s of a request sees only keys before <c>length - (QueryTokens - 1 - s)</c>: the last query
    /// token sees the whole sequence. No effect with one query token.
    /// </summary>
    public bool Causal { get; init; }

    /// <summary>Entries of the index lists of sparse decode; 0 makes a plan for dense decode.</summary>
    public int TopK { get; init; }

    /// <summary>Entries of the extra index lists of sparse decode; 0 for no extra scope.</summary>
    public int ExtraTopK { get; init; }

    /// <summary>Tokens per block of the extra cache; used if <see cref="ExtraTopK"/> is not 0.</summary>
    public int ExtraPageSize { get; init; } = 64;

    /// <summary>
    /// Factor of the logits, any finite value; null means 1/sqrt(HeadDim). Beware: a model whose unabsorbed heads have
    /// 192 elements needs 1/sqrt(192) (times its YaRN factor) here, not 1/sqrt(576).
    /// </summary>
    public float? SoftmaxScale { get; init; }

    /// <summary>How requests are split over workers.</summary>
    public SplitPolicy SplitPolicy { get; init; } = SplitPolicy.Balanced;

    /// <summary>Tokens per split under <see cref="SplitPolicy.FixedSplitSize"/>; a positive multiple of 64.</summary>
    public int FixedSplitSize { get; init; } = 512;

    /// <summary>Base of the returned log-sum-exp.</summary>
    public LogSumExpBase LogSumExpBase { get; init; } = LogSumExpBase.Natural;

    /// <summary>Log-sum-exp of rows that see no key; their output is 0.</summary>
    public EmptyLogSumExp EmptyLogSumExp { get; init; } = EmptyLogSumExp.PositiveInfinity;

    /// <summary>Threads and SIMD tier of the CPU backend.</summary>
    public CpuBackendOptions Cpu { get; init; } = CpuBackendOptions.Default;

    internal float ResolvedScale => SoftmaxScale ?? (float)(1 / Math.Sqrt(Shape.HeadDim));

    internal void Validate()
    {
        Shape.Validate(nameof(Shape));
        if (Shape.ValueDim > Shape.HeadDim)
            throw new ArgumentException(
                $"Shape: expected ValueDim <= HeadDim because values are the first columns of the key, got {Shape.ValueDim} and {Shape.HeadDim}",
                nameof(Shape)
            );
        RequireAtLeast(QueryTokens, 1, nameof(QueryTokens));
        if ((long)QueryTokens * Shape.QueryHeads > int.MaxValue)
            throw new ArgumentOutOfRangeException(
                nameof(QueryTokens),
                $"QueryTokens: expected at most 2^31-1 rows per request, got {QueryTokens} tokens of {Shape.QueryHeads} heads"
            );
        RequireAtLeast(MaxBatch, 0, nameof(MaxBatch));
        if (MaxBatch >= Array.MaxLength)
            throw new ArgumentOutOfRangeException(
                nameof(MaxBatch),
                $"MaxBatch: expected a value < {Array.MaxLength}, got {MaxBatch}"
            );
        RequireAtLeast(PageSize, 1, nameof(PageSize));
        RequireAtLeast(TopK, 0, nameof(TopK));
        RequireAtLeast(ExtraTopK, 0, nameof(ExtraTopK));
        RequireAtLeast(ExtraPageSize, 1, nameof(ExtraPageSize));
        if (TopK > 0 && Causal)
            throw new ArgumentException(
                "Causal: sparse decode has no causal mask (leave entries out of the index lists instead), got true",
                nameof(Causal)
            );
        if (TopK > 0 && Shape.KvHeads != 1)
            throw new ArgumentException(
                $"Shape: sparse decode needs one KV head, got {Shape.KvHeads}",
                nameof(Shape)
            );
        if (TopK == 0 && ExtraTopK > 0)
            throw new ArgumentException(
                "ExtraTopK: an extra scope needs a main scope, got TopK 0",
                nameof(ExtraTopK)
            );
        if (FixedSplitSize < 64 || FixedSplitSize % 64 != 0)
            throw new ArgumentOutOfRangeException(
                nameof(FixedSplitSize),
                $"FixedSplitSize: expected a positive multiple of 64, got {FixedSplitSize}"
            );
        if (!float.IsFinite(ResolvedScale))
            throw new ArgumentOutOfRangeException(
                nameof(SoftmaxScale),
                $"SoftmaxScale: expected a finite value, got {SoftmaxScale}"
            );
        ArgumentNullException.ThrowIfNull(Cpu);
        RequireDefined(Format, nameof(Format));
        RequireDefined(SplitPolicy, nameof(SplitPolicy));
        RequireDefined(LogSumExpBase, nameof(LogSumExpBase));
        RequireDefined(EmptyLogSumExp, nameof(EmptyLogSumExp));
        KvLayout.RequireShape(Format, Shape, nameof(Shape));
    }

    private static void RequireDefined<T>(T value, string name)
        where T : struct, Enum
    {
        if (!Enum.IsDefined(value))
            throw new ArgumentOutOfRangeException(name, $"{name}: unknown value {value}");
    }

    private static void RequireAtLeast(int value, int least, string name)
    {
        if (value < least)
            throw new ArgumentOutOfRangeException(
                name,
                $"{name}: expected a value >= {least}, got {value}"
            );
    }
}
