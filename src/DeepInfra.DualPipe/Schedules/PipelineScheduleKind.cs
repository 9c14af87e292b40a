// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Schedules;

/// <summary>Which generator a schedule comes from.</summary>
public enum PipelineScheduleKind
{
    /// <summary>Built by hand or read from a file.</summary>
    Custom,

    /// <summary>All forwards, then all backwards (GPipe, Huang et al. 2019).</summary>
    GPipe,

    /// <summary>One forward, one backward (PipeDream-flush, Megatron-LM).</summary>
    OneForwardOneBackward,

    /// <summary>1F1B over several stages per rank (Megatron-LM).</summary>
    Interleaved1F1B,

    /// <summary>1F1B with split backward at 1F1B's memory (ZB-H1, arXiv 2401.10241).</summary>
    ZeroBubbleH1,

    /// <summary>Zero-bubble schedule on a V-shaped placement (ZBV, arXiv 2401.10241).</summary>
    ZeroBubbleV,

    /// <summary>Bidirectional schedule of DeepSeek-V3 (arXiv 2412.19437).</summary>
    DualPipe,

    /// <summary>The V-shaped half of <see cref="DualPipe"/>, one copy of the model.</summary>
    DualPipeV,
}
