// SPDX-License-Identifier: MIT
using System.Net;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Fakes;

/// <summary>
/// A scripted cluster: a manager, a metadata server and storage nodes that keep everything in memory and let a test
/// replace any answer.
/// </summary>
internal sealed class FakeCluster : IAsyncDisposable
{
    public const string Id = "fake";
    public const uint FirstStorageNode = 10001;

    private readonly RpcListener _managerListener;
    private readonly RpcListener[] _storageListeners;
    private RpcListener _metaListener;

    public FakeCluster(
        int storageNodes = 1,
        int chains = 4,
        int replicas = 1,
        RpcOptions? options = null
    )
    {
        Options = options ?? new RpcOptions();
        Manager = new FakeManager(this);
        Meta = new FakeMeta(this);
        Nodes = [.. Enumerable.Range(0, storageNodes).Select(i => new FakeStorage(this, i))];
        _managerListener = Listen(Manager.Service());
        _metaListener = Listen(Meta.Service());
        _storageListeners = [.. Nodes.Select(n => Listen(n.Service()))];
        BuildRouting(chains, replicas);
    }

    public RpcOptions Options { get; }

    public FakeManager Manager { get; }

    public FakeMeta Meta { get; }

    public FakeStorage[] Nodes { get; }

    public RoutingInfo Routing { get; private set; } = new();

    /// <summary>The chunks of all nodes: replicas of a chain are one and the same here.</summary>
    public Dictionary<(uint Chain, ChunkId Chunk), byte[]> Chunks { get; } = [];

    public string ManagerAddress => _managerListener.EndPoint.ToString();

    public RpcListener ManagerListener => _managerListener;

    public RpcListener MetaListener => _metaListener;

    public RpcListener[] StorageListeners => _storageListeners;

    public ThreeFsClientOptions ClientOptions =>
        new()
        {
            ClusterId = Id,
            ManagerAddresses = [ManagerAddress],
            MetadataRetryDelay = TimeSpan.FromMilliseconds(20),
            StorageTimeout = TimeSpan.FromMilliseconds(300),
            MaximumStorageTimeout = TimeSpan.FromMilliseconds(600),
            OperationTimeout = TimeSpan.FromSeconds(5),
            ManagerInterval = TimeSpan.FromMinutes(10),
        };

    public ValueTask<ThreeFsClient> ConnectAsync(
        Func<ThreeFsClientOptions, ThreeFsClientOptions>? change = null
    ) => ThreeFsClient.ConnectAsync(change is null ? ClientOptions : change(ClientOptions));

    /// <summary>Publishes a change of the routing information.</summary>
    public void ChangeRouting(Action<RoutingInfo> change)
    {
        lock (Chunks)
        {
            var copy = Serde.Read<RoutingInfo>(Serde.ToArray(Routing));
            change(copy);
            copy.RoutingInfoVersion++;
            Routing = copy;
        }
    }

    public void RestartMeta()
    {
        var port = _metaListener.EndPoint.Port;
        _metaListener = new RpcListener(
            new IPEndPoint(IPAddress.Loopback, port),
            new RpcServiceTable(Meta.Service()),
            Options
        );
    }

    public async ValueTask DisposeAsync()
    {
        await _managerListener.DisposeAsync();
        await _metaListener.DisposeAsync();
        foreach (var listener in _storageListeners)
        {
            await listener.DisposeAsync();
        }
    }

    private RpcListener Listen(RpcService service) =>
        new(new IPEndPoint(IPAddress.Loopback, 0), new RpcServiceTable(service), Options);

    private void BuildRouting(int chains, int replicas)
    {
        var info = new RoutingInfo { RoutingInfoVersion = 1 };
        AddNode(
            info,
            1,
            NodeType.Mgmtd,
            NodeStatus.PrimaryMgmtd,
            ServiceName.Mgmtd,
            _managerListener
        );
        AddNode(
            info,
            100,
            NodeType.Meta,
            NodeStatus.HeartbeatConnected,
            ServiceName.Meta,
            _metaListener
        );
        for (var i = 0; i < Nodes.Length; i++)
        {
            AddNode(
                info,
                FirstStorageNode + (uint)i,
                NodeType.Storage,
                NodeStatus.HeartbeatConnected,
                ServiceName.Storage,
                _storageListeners[i]
            );
        }

        var table = new ChainTable { ChainTableId = 1, ChainTableVersion = 1 };
        for (uint c = 0; c < chains; c++)
        {
            var chain = new ChainInfo { ChainId = 900001 + c, ChainVersion = 1 };
            for (uint r = 0; r < replicas; r++)
            {
                var node = FirstStorageNode + ((c + r) % (uint)Nodes.Length);
                var target = ((ulong)node * 100000) + (c * 10) + r;
                chain.Targets.Add(
                    new() { TargetId = target, PublicState = PublicTargetState.Serving }
                );
                info.Targets[target] = new TargetInfo
                {
                    TargetId = target,
                    PublicState = PublicTargetState.Serving,
                    LocalState = LocalTargetState.UpToDate,
                    ChainId = chain.ChainId,
                    NodeId = node,
                };
            }

            info.Chains[chain.ChainId] = chain;
            table.Chains.Add(chain.ChainId);
        }

        info.ChainTables[1] = new() { [1] = table };
        Routing = info;
    }

    private static void AddNode(
        RoutingInfo info,
        uint id,
        NodeType type,
        NodeStatus status,
        string service,
        RpcListener listener
    ) =>
        info.Nodes[id] = new NodeInfo
        {
            App = new FbsAppInfo
            {
                NodeId = id,
                Hostname = "fake",
                ServiceGroups =
                [
                    // Published for RDMA, as most clusters do: a TCP client must rewrite it.
                    new()
                    {
                        Services = [service],
                        Endpoints = [listener.Address with { Type = AddressType.Rdma }],
                    },
                ],
            },
            Type = type,
            Status = status,
        };
}
