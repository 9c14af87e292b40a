// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep.Transports;

/// <summary>What a transport can do; engines choose their data path by it.</summary>
[Flags]
internal enum EpTransportCapabilities
{
    None = 0,

    /// <summary>Symmetric memory of every peer can be read and written through pointers.</summary>
    LoadStore = 1,

    /// <summary>Peers live in this process: any memory of theirs can be read, not only symmetric memory.</summary>
    SharedAddressSpace = 2,

    /// <summary>Atomic additions to a peer's memory.</summary>
    RemoteAtomics = 4,

    /// <summary>Operations of one sender on one receiver become visible in order, without a fence.</summary>
    Ordered = 8,
}
