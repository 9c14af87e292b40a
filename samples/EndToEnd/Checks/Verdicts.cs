// SPDX-License-Identifier: MIT
namespace EndToEnd.Checks;

/// <summary>Collects the verdicts; the exit code of the program follows from them.</summary>
internal sealed class Verdicts
{
    private readonly List<Verdict> _all = [];

    public IReadOnlyList<Verdict> All => _all;

    public int Failed => _all.Count(v => !v.Passed);

    public void Add(string claim, bool passed, string evidence) =>
        _all.Add(new Verdict(claim, passed, evidence));
}
