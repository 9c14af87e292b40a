// SPDX-License-Identifier: MIT
using DeepInfra.Fs;
using EndToEnd.Checks;
using EndToEnd.Report;

namespace EndToEnd;

/// <summary>What the phases share.</summary>
/// <param name="Files">3FS.</param>
/// <param name="Scratch">A local folder for intermediate files; empty at the end.</param>
internal sealed record RunContext(
    RunOptions Options,
    IFileSystem Files,
    string Scratch,
    Verdicts Verdicts,
    RunFacts Facts,
    Progress Progress,
    CancellationToken CancellationToken
);
