// SPDX-License-Identifier: MIT
namespace EndToEnd.Inference.Agreement;

/// <summary>Compares decode steps with the trace of a prefill over the same tokens.</summary>
internal abstract class TraceProbe(ForwardTrace expected) : DecodeProbe
{
    protected ForwardTrace Expected { get; } = expected;

    /// <summary>Rows of the trace that belong to the sequences of the step; set before each step.</summary>
    public int[] Rows { get; set; } = [];

    /// <summary>The logits of the step.</summary>
    public abstract void Finish(float[][] logits);
}
