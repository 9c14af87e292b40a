// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep;

/// <summary>Options of a throughput dispatch; equal on all ranks except <see cref="After"/>, <see cref="Async"/> and <see cref="CheckRouting"/>. Immutable.</summary>
public sealed record DispatchOptions
{
    internal static DispatchOptions Default { get; } = new();

    /// <summary>Counts in <see cref="DispatchResult.TokensPerExpert"/> are rounded up to a multiple of this; at least 1.</summary>
    public int ExpertAlignment { get; init; } = 1;

    /// <summary>
    /// Above 0: outputs have this many rows whatever arrives, so their size is known in advance. Rows behind the
    /// received ones have expert ids -1 and undefined payload. Needs routing tables.
    /// </summary>
    public int WorstCaseTokens { get; init; }

    /// <summary>The operation starts after this event.</summary>
    public EpEvent? After { get; init; }

    /// <summary>
    /// True: the call returns at once and the exchange runs on the buffer's communication thread; wait for the
    /// result's event. The input tensors must stay alive and unchanged until then.
    /// </summary>
    public bool Async { get; init; }

    /// <summary>Order of received scale factors.</summary>
    public ScaleFactorLayout ScaleFactorLayout { get; init; }

    /// <summary>Whether an expert that occurs twice in a row is looked for; ids outside -1..E-1 are always refused.</summary>
    public bool CheckRouting { get; init; } = true;
}
