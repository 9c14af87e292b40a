// SPDX-License-Identifier: MIT
using System.Collections.Immutable;

namespace DeepInfra.DualPipe.Validation;

/// <summary>All findings of a validation. Immutable, thread-safe.</summary>
/// <param name="Findings">The findings, by rank and action within each rule.</param>
public sealed record ValidationReport(ImmutableArray<ValidationFinding> Findings)
{
    private const int ListedFindings = 20;

    /// <summary>True when there are no findings.</summary>
    public bool IsValid => Findings.IsEmpty;

    /// <summary>Throws when there are findings.</summary>
    /// <exception cref="PipelineScheduleException">The schedule breaks a rule; the message lists the findings.</exception>
    public void ThrowIfInvalid()
    {
        if (!IsValid)
        {
            throw new PipelineScheduleException(ToString());
        }
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        if (IsValid)
        {
            return "valid";
        }

        var lines = Findings.Take(ListedFindings).Select(f => f.ToString());
        var rest = Findings.Length - ListedFindings;
        return $"{Findings.Length} findings: "
            + string.Join("; ", lines)
            + (rest > 0 ? $"; and {rest} more" : "");
    }
}
