// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Interop;

/// <summary>Flags of <see cref="DLManagedTensorVersioned"/>.</summary>
[Flags]
public enum DLPackFlags : ulong
{
    /// <summary>No flag.</summary>
    None = 0,

    /// <summary>The data must not be written.</summary>
    ReadOnly = 1,

    /// <summary>The producer copied the data for this export.</summary>
    IsCopied = 2,

    /// <summary>Elements below 8 bits take a byte each.</summary>
    SubBytePadded = 4,
}
