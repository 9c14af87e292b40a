// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe;
using EndToEnd.Inference.Agreement;

namespace EndToEnd.Report;

/// <summary>What the phases measured, for the report.</summary>
internal sealed class RunFacts
{
    /// <summary>Stage, documents, bytes of text, tokens (null where not counted yet).</summary>
    public List<(string Stage, long Documents, long Bytes, long? Tokens)> Funnel { get; } = [];

    public List<(double Step, double Loss)> TrainingLoss { get; } = [];

    /// <summary>What the packages' counters counted in each phase.</summary>
    public Dictionary<string, IReadOnlyDictionary<string, long>> PhaseMeters { get; } = [];

    /// <summary>Bytes of the packed sequences on 3FS.</summary>
    public long ShardBytes { get; set; }

    public long TrainedSequences { get; set; }

    /// <summary>Validation loss before the first step.</summary>
    public double FirstValidationLoss { get; set; }

    public double UnigramEntropy { get; set; }

    public double ValidationLoss { get; set; }

    public long TrainedTokens { get; set; }

    public double TrainingSeconds { get; set; }

    /// <summary>Selections per expert, one entry per step, summed over stages.</summary>
    public List<double[]> ExpertLoad { get; } = [];

    public PipelineTimeline? MeasuredTimeline { get; set; }

    public PipelineTimeline? SimulatedTimeline { get; set; }

    public string BubbleText { get; set; } = "";

    public double OverlapShare { get; set; }

    public long CheckpointBytes { get; set; }

    public AgreementResult Agreement { get; set; } = null!;

    public long PrefillTokens { get; set; }

    public double PrefillSeconds { get; set; }

    public long DecodedTokens { get; set; }

    public double DecodeSeconds { get; set; }

    public long KvBytesOffloaded { get; set; }

    public long KvBytesFetched { get; set; }

    public double KvOffloadSeconds { get; set; }

    public double KvFetchSeconds { get; set; }

    public List<(string Kind, string Prompt, string Continuation)> Texts { get; } = [];

    public List<(string Phase, double Seconds)> Phases { get; } = [];
}
