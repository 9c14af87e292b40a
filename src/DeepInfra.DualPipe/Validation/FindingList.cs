// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Validation;

internal sealed class FindingList
{
    private readonly List<ValidationFinding> _findings = [];

    public bool IsEmpty => _findings.Count == 0;

    public void Add(ValidationRule rule, int rank, int actionIndex, string message) =>
        _findings.Add(new ValidationFinding(rule, rank, actionIndex, message));

    public ValidationReport ToReport() =>
        new([.. _findings.OrderBy(f => f.Rule).ThenBy(f => f.Rank).ThenBy(f => f.ActionIndex)]);
}
