// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster;

/// <summary>What an acknowledged write has survived when the caller sees the answer.</summary>
public enum DurabilityMode
{
    /// <summary>
    /// The data file and the index log were flushed to the device: the write survives a power loss.
    /// Concurrent writes share one flush.
    /// </summary>
    Fsync = 0,

    /// <summary>
    /// Data and index log were handed to the operating system: the write survives the death of the
    /// process (kill -9), not a power loss. After a power loss the newest writes may be missing; what
    /// was damaged is detected by its checksum and never returned as data.
    /// </summary>
    None = 1,
}
