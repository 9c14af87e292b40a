// SPDX-License-Identifier: MIT
using System.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster;

/// <summary>How the nodes of the embedded cluster present themselves.</summary>
internal static class NodeIdentity
{
    /// <summary>Id of the manager.</summary>
    public const uint Manager = 1;

    /// <summary>Id of the metadata node.</summary>
    public const uint Meta = 100;

    /// <summary>Id of the first storage node.</summary>
    public const uint FirstStorage = 10001;

    /// <summary>Id of the first chain.</summary>
    public const uint FirstChain = 900001;

    /// <summary>The only chain table.</summary>
    public const uint ChainTable = 1;

    /// <summary>Id of a target: node, disk and number are readable in it.</summary>
    public static ulong Target(uint node, uint disk, int number) =>
        (node * 100_000ul) + (disk * 1000) + (uint)number + 1;

    /// <summary>The application record of a node that offers one service and the core service.</summary>
    public static FbsAppInfo App(
        uint nodeId,
        IPEndPoint endPoint,
        string service,
        bool asRdma = false
    )
    {
        var core = NodeAddress.From(endPoint);
        var address = asRdma ? core with { Type = AddressType.Rdma } : core;
        return new FbsAppInfo
        {
            NodeId = nodeId,
            Hostname = Environment.MachineName,
            Pid = (uint)Environment.ProcessId,
            ServiceGroups =
            [
                new ServiceGroupInfo { Services = [service], Endpoints = [address] },
                new ServiceGroupInfo { Services = [ServiceName.Core], Endpoints = [core] },
            ],
        };
    }
}
