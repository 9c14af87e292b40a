// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Net;
using DeepInfra.Fs.Cluster.KeyValue;
using DeepInfra.Fs.Cluster.Metadata;
using DeepInfra.Fs.Cluster.Storage;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Replay;

/// <summary>The recorded sessions of real servers, answered by ours.</summary>
public sealed class TranscriptTests : IDisposable
{
    /// <summary>
    /// When each connection began, in microseconds since 1970. Heartbeats carry their time; the connections without any are
    /// placed by what they were told of the nodes.
    /// </summary>
    private static readonly Dictionary<int, long> s_background = new()
    {
        [45006] = 1_795_473_647_907_074,
        [45022] = 1_795_473_647_912_074,
        [35648] = 1_795_473_653_500_000,
        [35652] = 1_795_473_658_834_976,
        [35660] = 1_795_473_658_839_976,
    };

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
        await using var manager = await RecordedManager.StartAsync(_temp["meta"]);

        var setup = await manager.ReplayAsync("mgmtd-setup-8000");
        var queries = await manager.ReplayAsync("mgmtd-queries-8000");
        // What a storage node, a metadata node and a tool asked in the twenty seconds after that.
        var background = await manager.ReplayAsync("background-8000", s_background);

        setup.Should().BeEmpty();
        queries.Should().BeEmpty();
        background.Should().BeEmpty();
        manager
            .Routing.Targets.ToDictionary(t => t.Key, t => t.Value.UsedSize)
            .Should()
            .Equal(
                new Dictionary<ulong, ulong>
                {
                    [1000101] = 1_048_576,
                    [1000102] = 0,
                    [1000103] = 0,
                    [1000104] = 524_288,
                },
                "that is what the last report said"
            );
    }

    [Fact]
    public async Task CoreSession_Replayed_AnswersAsRecorded()
    {
        await using var listener = new RpcListener(
            new IPEndPoint(IPAddress.Loopback, 0),
            new RpcServiceTable(CoreService.CreateService())
        );

        // Not compared: which part of an unknown key the message names.
        var differences = await Transcript.ReplayAsync("core-9000", listener.EndPoint, Set("msg"));

        // Our nodes take their settings from the program that starts them and have no configuration text to show.
        differences
            .Should()
            .ContainSingle()
            .Which.Should()
            .StartWith("37 Core.getConfig")
            .And.Contain("expected fields $ok, got $error");
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
