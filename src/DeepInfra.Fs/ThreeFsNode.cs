// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs;

/// <summary>A node of a cluster.</summary>
/// <param name="Id">Node id.</param>
/// <param name="Type">Mgmtd, Meta, Storage, Client or Fuse.</param>
/// <param name="Status">State as the manager sees it.</param>
/// <param name="HostName">Name of the host.</param>
/// <param name="Addresses">Where its services listen.</param>
/// <param name="LastHeartbeat">
/// When the manager had last heard of it as it published the routing information that the client has: no measure of
/// whether it lives now, which <paramref name="Status"/> is.
/// </param>
public sealed record ThreeFsNode(
    uint Id,
    string Type,
    string Status,
    string HostName,
    IReadOnlyList<string> Addresses,
    DateTimeOffset LastHeartbeat
);
