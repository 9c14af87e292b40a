// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Validation;

/// <summary>One broken rule.</summary>
/// <param name="Rule">Which rule.</param>
/// <param name="Rank">Rank where it shows; -1 when no single rank is at fault.</param>
/// <param name="ActionIndex">Index in the rank's schedule; -1 when something is missing.</param>
/// <param name="Message">What is wrong.</param>
public sealed record ValidationFinding(
    ValidationRule Rule,
    int Rank,
    int ActionIndex,
    string Message
)
{
    /// <summary>Short code, V1 to V9.</summary>
    public string Code => $"V{(int)Rule}";

    /// <inheritdoc/>
    public override string ToString() =>
        Rank < 0 ? $"{Code}: {Message}"
        : ActionIndex < 0 ? $"{Code}, rank {Rank}: {Message}"
        : $"{Code}, rank {Rank}, action {ActionIndex}: {Message}";
}
