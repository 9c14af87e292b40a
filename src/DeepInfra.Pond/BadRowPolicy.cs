// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>What to do with a line that cannot be parsed.</summary>
public enum BadRowPolicy
{
    /// <summary>Fail; the message names the file and the line.</summary>
    Fail,

    /// <summary>
    /// Leave the line out and write it, with file, line number and reason, to the quarantine directory of
    /// the job.
    /// </summary>
    Quarantine,
}
