// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs;

/// <summary>One replica of a chain on one disk.</summary>
/// <param name="Id">Target id.</param>
/// <param name="NodeId">The node that holds it, if known.</param>
/// <param name="PublicState">Serving, LastSrv, Syncing, Waiting or Offline: what the manager tells everybody.</param>
/// <param name="LocalState">UpToDate, Online or Offline: what the node reports.</param>
/// <param name="UsedBytes">Bytes in use.</param>
public sealed record ThreeFsTarget(
    ulong Id,
    uint? NodeId,
    string PublicState,
    string LocalState,
    long UsedBytes
);
