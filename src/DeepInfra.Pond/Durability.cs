// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>What is forced to the disk before a result is published.</summary>
public enum Durability
{
    /// <summary>Nothing: survives the death of the process, not a power failure.</summary>
    None,

    /// <summary>The files of final outputs and of committed tasks.</summary>
    Data,

    /// <summary>Files, manifests and directories.</summary>
    Full,
}
