// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Net;
using DeepInfra.Fs.Cluster.KeyValue;
using DeepInfra.Fs.Cluster.Manager;
using DeepInfra.Fs.Cluster.Metadata;
using DeepInfra.Fs.Cluster.Storage;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Replay;

/// <summary>The recorded sessions of real servers, answered by ours.</summary>
public sealed class TranscriptTests : IDisposable
{
    private readonly TempDirectory _temp = new();

    public void Dispose() => _temp.Dispose();

    [Fact]
    public async Task StorageSessions_Replayed_AnswerAsRecorded()
    {
        var routing = FourChains();
        using var node = new StorageNode(
            10001,
            _temp["storage"],
            DurabilityMode.None,
            null,
            0,
            () => routing
        );
        await using var listener = Listen(new StorageService(node).CreateService());

        var setup = await Transcript.ReplayAsync(
            "storage-setup-8002",
            listener.EndPoint,
            Set("msg")
        );
        // Not compared: our texts, tags of reads (random), places and times, and the checksum that the
        // recorded server leaves out of a chunk made by an extension, while ours always has one.
        var io = await Transcript.ReplayAsync(
            "storage-io-8002",
            listener.EndPoint,
            Set(
                "msg",
                "uuid",
                "path",
                "timestamp",
                "useChunkEngine",
                "innerFileId",
                "capacity",
                "free",
                "available",
                "targetIds"
            )
        );

        setup.Should().BeEmpty();
        io.Should()
            .SatisfyRespectively(
                extended => extended.Should().StartWith("26 ").And.Contain("checksum"),
                listed => listed.Should().StartWith("29 ").And.Contain("checksum")
            );
    }

    [Fact]
    public async Task ManagerSessions_Replayed_AnswerAsRecorded()
    {
        using var store = KeyValueStore.Open(_temp["meta"], DurabilityMode.None);
        using var manager = new ManagerService("golden", 1, TimeSpan.FromSeconds(60), store);
        await using var listener = Listen(manager.CreateService());
        await manager.StartAsync(
            new NodeInfo
            {
                App = NodeIdentity.App(1, listener.EndPoint, ServiceName.Mgmtd),
                Type = NodeType.Mgmtd,
            }
        );
        var ignored = Set(
            "msg",
            "hostname",
            "pid",
            "endpoints",
            "releaseVersion",
            "routingInfoVersion",
            "lastExtend",
            "start"
        );

        var setup = await Transcript.ReplayAsync("mgmtd-setup-8000", listener.EndPoint, ignored);
        // 13 names the version that the recorded server had reached by its timer; hash-map order is free.
        var queries = await Transcript.ReplayAsync(
            "mgmtd-queries-8000",
            listener.EndPoint,
            ignored,
            13,
            12,
            17,
            32
        );

        setup.Should().BeEmpty();
        queries.Should().BeEmpty();
    }

    [Fact]
    public async Task MetadataSession_Replayed_AnswersAsRecorded()
    {
        using var store = KeyValueStore.Open(_temp["meta"], DurabilityMode.None);
        await store.WriteAsync(t =>
        {
            var counter = new byte[8];
            BinaryPrimitives.WriteUInt64LittleEndian(counter, 22528);
            t.Put(MetaKeys.InodeCounter, counter);
            return true;
        });
        var routing = FourChains();
        using var metadata = new MetadataService(
            store,
            () => routing,
            new NoChunks(),
            new Layout
            {
                TableId = 1,
                ChunkSize = 524288,
                StripeSize = 1,
            }
        );
        await metadata.InitializeAsync();
        await store.WriteAsync(t =>
        {
            var view = new MetaView(t);
            var root = view.Inode(MetaKeys.Root);
            root.Acl.Perm = 0x1ED;
            view.Put(root);
            return true;
        });
        await using var listener = Listen(metadata.CreateService());

        var differences = await Transcript.ReplayAsync(
            "meta-namespace-8001",
            listener.EndPoint,
            Set("msg", "atime", "mtime", "ctime", "seed", "baseIndex")
        );

        differences.Should().BeEmpty();
    }

    private static HashSet<string> Set(params string[] names) => [.. names];

    private static RpcListener Listen(RpcService service) =>
        new(
            new IPEndPoint(IPAddress.Loopback, 0),
            new RpcServiceTable(service, CoreService.CreateService())
        );

    private static RoutingInfo FourChains()
    {
        var routing = new RoutingInfo { RoutingInfoVersion = 7 };
        for (var i = 1u; i <= 4; i++)
        {
            var target = new ChainTargetInfo
            {
                TargetId = 1000100 + i,
                PublicState = PublicTargetState.Serving,
            };
            routing.Chains[100100000 + i] = new ChainInfo
            {
                ChainId = 100100000 + i,
                ChainVersion = 1,
                Targets = [target],
            };
        }
        routing.ChainTables[1] = new Dictionary<uint, ChainTable>
        {
            [1] = Table(1, 1, 2, 3, 4),
            [2] = Table(2, 4, 1, 2, 3),
        };
        return routing;
    }

    private static ChainTable Table(uint version, params uint[] chains) =>
        new()
        {
            ChainTableId = 1,
            ChainTableVersion = version,
            Chains = [.. chains.Select(c => 100100000 + c)],
        };

    private sealed class NoChunks : IChunkOperations
    {
        public ValueTask<QueryLastChunkResult> QueryLastChunkAsync(
            uint chainId,
            ulong inode,
            CancellationToken cancellationToken
        ) => new(new QueryLastChunkResult { StatusCode = default(Unit) });

        public ValueTask<bool> RemoveChunksAsync(
            uint chainId,
            ulong inode,
            uint limit,
            CancellationToken cancellationToken
        ) => new(false);

        public (ulong Capacity, ulong Free) Space() => (0, 0);
    }
}
