// SPDX-License-Identifier: MIT
namespace DeepInfra.Testing;

/// <summary>What a child process left behind.</summary>
public sealed record ChildProcessResult(int ExitCode, string StandardOutput, string StandardError);
