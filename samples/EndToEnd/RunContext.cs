// SPDX-License-Identifier: MIT
using DeepInfra.Fs;
using EndToEnd.Checks;
using EndToEnd.Report;

namespace EndToEnd;

/// <summary>What the phases share.</summary>
internal sealed record RunContext(
    RunOptions Options,
    IFileSystem Files,
    string Scratch,
    Verdicts Verdicts,
    RunFacts Facts,
    Progress Progress,
    CancellationToken CancellationToken
);
