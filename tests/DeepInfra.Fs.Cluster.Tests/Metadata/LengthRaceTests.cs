// SPDX-License-Identifier: MIT
using System.Net;
using DeepInfra.Fs.Cluster.KeyValue;
using DeepInfra.Fs.Cluster.Metadata;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Metadata;

/// <summary>Two writers report the length of one file at the same time; neither report may undo the other.</summary>
public sealed class LengthRaceTests : IAsyncLifetime
{
    private readonly TempDirectory _temp = new();
    private readonly Storage _storage = new();
    private readonly RpcClient _client = new(new RpcOptions());
    private KeyValueStore _store = null!;
    private MetadataService _metadata = null!;
    private RpcListener _listener = null!;
    private ulong _file;

    public async ValueTask InitializeAsync()
    {
        var routing = new RoutingInfo();
        routing.ChainTables[1] = new()
        {
            [1] = new ChainTable
            {
                ChainTableId = 1,
                ChainTableVersion = 1,
                Chains = [900_001],
            },
        };
        _store = KeyValueStore.Open(_temp["meta"], DurabilityMode.None);
        var layout = new Layout
        {
            TableId = 1,
            ChunkSize = 64 * 1024,
            StripeSize = 1,
        };
        _metadata = new MetadataService(_store, () => routing, _storage, layout);
        await _metadata.InitializeAsync();
        _listener = new RpcListener(
            new IPEndPoint(IPAddress.Loopback, 0),
            new RpcServiceTable(_metadata.CreateService())
        );
        var created = await CallAsync<CreateReq, CreateRsp>(
            MetaMethod.Create,
            new CreateReq { Path = MetaFixture.At("/f"), Flags = OpenFlags.Create }
        );
        _file = created.Stat.Id;
    }

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await _listener.DisposeAsync();
        _metadata.Dispose();
        _store.Dispose();
        _temp.Dispose();
    }

    [Theory]
    [InlineData(0ul)]
    [InlineData(100ul)]
    public async Task ExactSync_OtherWriterReportsWhileStorageIsAsked_KeepsItsLength(ulong before)
    {
        if (before > 0)
        {
            await SyncAsync(before);
        }
        _storage.Length = 50;
        _storage.Asked = async () =>
        {
            // The other writer's bytes and its report come after storage has answered and before the answer is used.
            _storage.Asked = null;
            _storage.Length = 100;
            await SyncAsync(100);
        };

        var exact = await SyncAsync(null);

        exact.Length.Should().Be(100);
        (await StatAsync()).Length.Should().Be(100, "both reports were acknowledged");
        _storage.Queries.Should().Be(2);
    }

    [Fact]
    public async Task ExactSync_ShorterThanKnown_CountsAsTruncation()
    {
        await SyncAsync(100);
        _storage.Length = 40;

        await SyncAsync(null);
        var late = await SyncAsync(90);

        late.Length.Should().Be(40, "a hint from before the truncation says nothing");
        late.TruncateVer.Should().Be(1);
    }

    private async Task<FileInode> SyncAsync(ulong? hint) => (FileInode)(
                await CallAsync<SyncReq, SyncRsp>(
                    MetaMethod.Sync,
                    new SyncReq
                    {
                        Inode = _file,
                        UpdateLength = true,
                        LengthHint = hint is { } length
                            ? new VersionedLength { Length = length }
                            : null,
                    }
                )
            ).Stat.Type;

    private async Task<FileInode> StatAsync() =>
        (FileInode)
            (
                await CallAsync<StatReq, StatRsp>(
                    MetaMethod.Stat,
                    new StatReq { Path = MetaFixture.At("/f") }
                )
            )
                .Stat
                .Type;

    private async Task<TRsp> CallAsync<TReq, TRsp>(ushort method, TReq request)
        where TReq : MetaRequest, ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new()
    {
        request.Client = new ClientId { Uuid = Guid.NewGuid(), Hostname = "test" };
        request.Uuid = Guid.NewGuid();
        return MetaFixture.Value(
            await _client.CallAsync<TReq, TRsp>(
                _listener.Address,
                ServiceId.Meta,
                method,
                request,
                TimeSpan.FromSeconds(60)
            )
        );
    }

    private sealed class Storage : IChunkOperations
    {
        public uint Length { get; set; }

        public int Queries { get; private set; }

        public Func<Task>? Asked { get; set; }

        public async ValueTask<QueryLastChunkResult> QueryLastChunkAsync(
            uint chainId,
            ulong inode,
            CancellationToken cancellationToken
        )
        {
            Queries++;
            var answer = new QueryLastChunkResult
            {
                StatusCode = default(Unit),
                LastChunkId = new ChunkId(inode, 0, 0),
                LastChunkLen = Length,
                TotalNumChunks = 1,
            };
            if (Asked is { } asked)
            {
                await asked();
            }
            return answer;
        }

        public ValueTask<bool> RemoveChunksAsync(
            uint chainId,
            ulong inode,
            uint limit,
            CancellationToken cancellationToken
        ) => new(false);

        public (ulong Capacity, ulong Free) Space() => (1, 1);
    }
}
