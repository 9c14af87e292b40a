// SPDX-License-Identifier: MIT
namespace EndToEnd.Checks;

/// <summary>A claim of the report with its evidence.</summary>
internal sealed record Verdict(string Claim, bool Passed, string Evidence);
