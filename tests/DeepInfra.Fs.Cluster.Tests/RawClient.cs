// SPDX-License-Identifier: MIT
using System.Net;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests;

/// <summary>Calls the services of a cluster message by message, without the client's retries and caches.</summary>
internal sealed class RawClient : IAsyncDisposable
{
    private readonly RpcClient _rpc = new(new RpcOptions());
    private readonly NodeAddress _manager;
    private readonly string _clusterId;
    private ulong _request;

    private RawClient(IPEndPoint manager, string clusterId)
    {
        _manager = NodeAddress.From(manager);
        _clusterId = clusterId;
    }

    public ClientId Id { get; private init; } = new() { Uuid = Guid.NewGuid(), Hostname = "test" };

    public RoutingInfo Routing { get; private set; } = new();

    public UserInfo User { get; init; } = new();

    public static Task<RawClient> ConnectAsync(
        ThreeFsCluster cluster,
        UserInfo? user = null,
        Guid? id = null
    ) => ConnectAsync(cluster.ManagerEndpoints[0], cluster.ClusterId, user, id);

    public static async Task<RawClient> ConnectAsync(
        IPEndPoint manager,
        string clusterId,
        UserInfo? user = null,
        Guid? id = null
    )
    {
        var client = new RawClient(manager, clusterId)
        {
            User = user ?? new UserInfo(),
            Id = new ClientId { Uuid = id ?? Guid.NewGuid(), Hostname = "test" },
        };
        await client.RefreshAsync();
        return client;
    }

    public async Task RefreshAsync()
    {
        var request = new GetRoutingInfoReq { ClusterId = _clusterId };
        var response = await MgmtdAsync<GetRoutingInfoReq, GetRoutingInfoRsp>(
            MgmtdMethod.GetRoutingInfo,
            request
        );
        Routing = response.Value.Info!;
    }

    public ValueTask<Result<TRsp>> MgmtdAsync<TReq, TRsp>(ushort method, TReq request)
        where TReq : ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new() =>
        CallAsync<TReq, TRsp>(_manager, ServiceId.Mgmtd, method, request);

    /// <summary>Calls the metadata service; user, client and request id are filled in.</summary>
    public ValueTask<Result<TRsp>> MetaAsync<TReq, TRsp>(ushort method, TReq request)
        where TReq : MetaRequest, ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new()
    {
        request.User = User;
        request.Client = Id;
        request.Uuid = request.Uuid == Guid.Empty ? Guid.NewGuid() : request.Uuid;
        var node = Routing.Nodes.Values.First(n => n.Type == NodeType.Meta);
        return CallAsync<TReq, TRsp>(
            node.App.ServiceGroups[0].Endpoints[0],
            ServiceId.Meta,
            method,
            request
        );
    }

    /// <summary>Calls the storage node that serves a chain.</summary>
    public ValueTask<Result<TRsp>> StorageAsync<TReq, TRsp>(uint chain, ushort method, TReq request)
        where TReq : ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new()
    {
        var target = Routing.Targets[Routing.Chains[chain].Targets[0].TargetId];
        return CallAsync<TReq, TRsp>(
            Routing.Nodes[target.NodeId!.Value].App.ServiceGroups[0].Endpoints[0],
            ServiceId.Storage,
            method,
            request
        );
    }

    public VersionedChainId Chain(uint chain) =>
        new() { ChainId = chain, ChainVer = Routing.Chains[chain].ChainVersion };

    public MessageTag Tag(ushort channel)
    {
        var number = Interlocked.Increment(ref _request);
        return new MessageTag
        {
            ClientId = Id,
            RequestId = number,
            Channel = new UpdateChannel { Id = channel, Seqnum = channel == 0 ? 0 : number },
        };
    }

    public async Task<IOResult> WriteAsync(
        uint chain,
        ChunkId chunk,
        uint offset,
        ReadOnlyMemory<byte> data,
        uint chunkSize = 64 * 1024,
        MessageTag? tag = null,
        ushort channel = 1,
        DebugFlags debug = default
    )
    {
        var request = new WriteReq
        {
            Payload = new UpdateIO
            {
                Offset = offset,
                Length = (uint)data.Length,
                ChunkSize = chunkSize,
                Key = new GlobalKey { VChainId = Chain(chain), ChunkId = chunk },
                UpdateType = UpdateType.Write,
                Checksum = new ChecksumInfo
                {
                    Type = ChecksumType.Crc32c,
                    Value = Crc32C.ChunkChecksum(data.Span),
                },
                Inlinebuf = new UInt8Vector { Data = new InlineData(data) },
            },
            Tag = tag ?? Tag(channel),
            FeatureFlags = FeatureFlags.SendDataInline,
            DebugFlags = debug,
        };
        var response = await StorageAsync<WriteReq, WriteRsp>(chain, StorageMethod.Write, request);
        return response.HasValue
            ? response.Value.Result
            : new IOResult { LengthInfo = response.Status };
    }

    public async Task<(IOResult Result, byte[] Data)> ReadAsync(
        uint chain,
        ChunkId chunk,
        uint offset,
        uint length
    )
    {
        var request = new BatchReadReq
        {
            Payloads =
            [
                new ReadIO
                {
                    Offset = offset,
                    Length = length,
                    Key = new GlobalKey { VChainId = Chain(chain), ChunkId = chunk },
                    Rdmabuf = new RdmaRemoteBuf { Size = length },
                },
            ],
            Tag = Tag(0),
            FeatureFlags = FeatureFlags.SendDataInline,
            ChecksumType = ChecksumType.Crc32c,
        };
        var response = await StorageAsync<BatchReadReq, BatchReadRsp>(
            chain,
            StorageMethod.BatchRead,
            request
        );
        if (!response.HasValue)
        {
            return (new IOResult { LengthInfo = response.Status }, []);
        }
        var data = response.Value.Inlinebuf.Data.ToArray();
        return (response.Value.Results[0], data);
    }

    public ValueTask DisposeAsync() => _rpc.DisposeAsync();

    private ValueTask<Result<TRsp>> CallAsync<TReq, TRsp>(
        NodeAddress address,
        ushort service,
        ushort method,
        TReq request
    )
        where TReq : ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new() =>
        _rpc.CallAsync<TReq, TRsp>(address, service, method, request, TimeSpan.FromSeconds(30));
}
