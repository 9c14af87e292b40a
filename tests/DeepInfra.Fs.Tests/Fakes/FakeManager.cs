// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Fakes;

/// <summary>The manager of a <see cref="FakeCluster"/>.</summary>
internal sealed class FakeManager(FakeCluster cluster)
{
    private int _routingRequests;
    private int _sessionRequests;

    /// <summary>Called with the method id; a status replaces the answer.</summary>
    public Func<ushort, Status?> OnCall { get; set; } = _ => null;

    public ulong SessionVersion { get; set; }

    public int RoutingRequests => _routingRequests;

    public int SessionRequests => _sessionRequests;

    public RpcService Service() =>
        new RpcService(ServiceId.Mgmtd, ServiceName.Mgmtd)
            .Map<GetPrimaryMgmtdReq, GetPrimaryMgmtdRsp>(
                MgmtdMethod.GetPrimaryMgmtd,
                "getPrimaryMgmtd",
                (request, _) =>
                    Answer<GetPrimaryMgmtdRsp>(
                        MgmtdMethod.GetPrimaryMgmtd,
                        request.ClusterId,
                        () => Primary()
                    )
            )
            .Map<GetRoutingInfoReq, GetRoutingInfoRsp>(
                MgmtdMethod.GetRoutingInfo,
                "getRoutingInfo",
                (request, _) =>
                {
                    Interlocked.Increment(ref _routingRequests);
                    return Answer<GetRoutingInfoRsp>(
                        MgmtdMethod.GetRoutingInfo,
                        request.ClusterId,
                        () =>
                            new GetRoutingInfoRsp
                            {
                                Info =
                                    request.RoutingInfoVersion == cluster.Routing.RoutingInfoVersion
                                        ? null
                                        : cluster.Routing,
                            }
                    );
                }
            )
            .Map<ExtendClientSessionReq, ExtendClientSessionRsp>(
                MgmtdMethod.ExtendClientSession,
                "extendClientSession",
                (request, _) =>
                {
                    Interlocked.Increment(ref _sessionRequests);
                    return Answer(
                        MgmtdMethod.ExtendClientSession,
                        request.ClusterId,
                        () => Extend(request)
                    );
                }
            );

    private Result<ExtendClientSessionRsp> Extend(ExtendClientSessionReq request)
    {
        if (request.ClientSessionVersion <= SessionVersion)
        {
            return new Status(
                StatusCode.MgmtdClientSessionVersionStale,
                $"stale: server has {SessionVersion}"
            );
        }

        SessionVersion = request.ClientSessionVersion;
        return new ExtendClientSessionRsp();
    }

    private GetPrimaryMgmtdRsp Primary()
    {
        var node = cluster.Routing.Nodes[1];
        return new GetPrimaryMgmtdRsp
        {
            Primary = new PersistentNodeInfo
            {
                NodeId = 1,
                Type = NodeType.Mgmtd,
                ServiceGroups = node.App.ServiceGroups,
            },
        };
    }

    private ValueTask<Result<T>> Answer<T>(ushort method, string clusterId, Func<Result<T>> answer)
    {
        if (clusterId != FakeCluster.Id)
        {
            return new(new Status(StatusCode.MgmtdClusterIdMismatch, "Cluster id mismatch"));
        }

        return new(OnCall(method) is { } status ? status : answer());
    }
}
