// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Execution;

/// <summary>
/// Moments at which a test can inject a failure: first those of a task's attempt, then those of publishing an
/// output, in the order in which they come.
/// </summary>
internal enum FaultPoint
{
    BeforeRun,

    /// <summary>The files are written, nothing else.</summary>
    AfterRun,

    /// <summary>The manifest is there too; the result is not in the store.</summary>
    AfterWrite,

    /// <summary>The result is in the store.</summary>
    AfterCommit,

    /// <summary>The hidden directory beside the target is there and has its owner.</summary>
    AfterStage,

    /// <summary>One file has been linked or copied into the hidden directory.</summary>
    AfterPlace,

    /// <summary>All files have.</summary>
    BeforePublish,

    /// <summary>The manifest is in the hidden directory.</summary>
    AfterManifest,

    /// <summary>An overwrite has moved the old output aside.</summary>
    AfterAside,

    /// <summary>An append has moved one file to the target, whose manifest does not name it yet.</summary>
    AfterAppend,

    /// <summary>The output is there; what it replaces may be too.</summary>
    AfterSwap,

    AfterPublish,
}
