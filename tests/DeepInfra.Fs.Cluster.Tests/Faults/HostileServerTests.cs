// SPDX-License-Identifier: MIT
using System.Net;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Faults;

/// <summary>
/// A client of servers that answer well-formed nonsense. Every operation ends in time, with a result or with an
/// exception that its documentation names.
/// </summary>
public sealed class HostileServerTests : IAsyncLifetime
{
    private const uint Chain = 900_001;
    private const int Rounds = 40;

    private readonly ulong[] _numbers = [0x1000, Chain, 64 * 1024, 100, 1, 4];
    private readonly RoutingInfo _routing = new() { RoutingInfoVersion = 1 };
    private readonly List<RpcListener> _listeners = [];
    private Random _random = new(0);

    public ValueTask InitializeAsync()
    {
        var storage = new RpcService(ServiceId.Storage, ServiceName.Storage);
        Map<BatchReadReq, BatchReadRsp>(storage, StorageMethod.BatchRead, Aim);
        Map<WriteReq, WriteRsp>(
            storage,
            StorageMethod.Write,
            (request, answer) => answer.Result.LengthInfo = request.Payload.Length
        );
        Map<QueryLastChunkReq, QueryLastChunkRsp>(storage, StorageMethod.QueryLastChunk);
        Map<TruncateChunksReq, TruncateChunksRsp>(storage, StorageMethod.TruncateChunks);
        Map<RemoveChunksReq, RemoveChunksRsp>(storage, StorageMethod.RemoveChunks);
        var meta = new RpcService(ServiceId.Meta, ServiceName.Meta);
        Map<CreateReq, CreateRsp>(meta, MetaMethod.Create, (_, a) => a.Stat = File());
        Map<OpenReq, OpenRsp>(meta, MetaMethod.Open, (_, a) => a.Stat = File());
        Map<StatReq, StatRsp>(meta, MetaMethod.Stat, (_, a) => a.Stat = File());
        Map<SyncReq, SyncRsp>(meta, MetaMethod.Sync, (_, a) => a.Stat = File());
        Map<CloseReq, CloseRsp>(meta, MetaMethod.Close);
        Map<ListReq, ListRsp>(meta, MetaMethod.List, (_, a) => a.More = false);
        Map<MkdirsReq, MkdirsRsp>(meta, MetaMethod.Mkdirs);
        Map<RemoveReq, RemoveRsp>(meta, MetaMethod.Remove);
        Map<RenameReq, RenameRsp>(meta, MetaMethod.Rename);
        Map<StatFsReq, StatFsRsp>(meta, MetaMethod.StatFs);
        Map<GetRealPathReq, GetRealPathRsp>(meta, MetaMethod.GetRealPath);
        Map<SetAttrReq, SetAttrRsp>(meta, MetaMethod.SetAttr);
        Map<BatchStatByPathReq, BatchStatByPathRsp>(meta, MetaMethod.BatchStatByPath);
        Map<PruneSessionReq, PruneSessionRsp>(meta, MetaMethod.PruneSession);
        Map<TestRpcReq, TestRpcRsp>(meta, MetaMethod.TestRpc);
        var manager = new RpcService(ServiceId.Mgmtd, ServiceName.Mgmtd)
            .On<GetPrimaryMgmtdReq, GetPrimaryMgmtdRsp>(
                MgmtdMethod.GetPrimaryMgmtd,
                "primary",
                _ => new GetPrimaryMgmtdRsp
                {
                    Primary = new PersistentNodeInfo
                    {
                        NodeId = 1,
                        ServiceGroups = _routing.Nodes[1].App.ServiceGroups,
                    },
                }
            )
            .On<GetRoutingInfoReq, GetRoutingInfoRsp>(
                MgmtdMethod.GetRoutingInfo,
                "routing",
                r => new GetRoutingInfoRsp { Info = r.RoutingInfoVersion == 1 ? null : _routing }
            )
            .On<ExtendClientSessionReq, ExtendClientSessionRsp>(
                MgmtdMethod.ExtendClientSession,
                "session",
                _ => new ExtendClientSessionRsp()
            );
        Node(1, NodeType.Mgmtd, ServiceName.Mgmtd, manager);
        Node(100, NodeType.Meta, ServiceName.Meta, meta);
        Node(10_001, NodeType.Storage, ServiceName.Storage, storage);
        _routing.Targets[7] = new TargetInfo
        {
            TargetId = 7,
            NodeId = 10_001,
            PublicState = PublicTargetState.Serving,
        };
        _routing.Chains[Chain] = new ChainInfo
        {
            ChainId = Chain,
            ChainVersion = 1,
            Targets = [new() { TargetId = 7, PublicState = PublicTargetState.Serving }],
        };
        _routing.ChainTables[1] = new()
        {
            [1] = new ChainTable
            {
                ChainTableId = 1,
                ChainTableVersion = 1,
                Chains = [Chain],
            },
        };
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var listener in _listeners)
        {
            await listener.DisposeAsync();
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task AnyOperation_RandomAnswers_EndsAsDocumented(int seed)
    {
        _random = new Random(seed);
        var surprises = new List<string>();
        await using var client = await ThreeFsClient.ConnectAsync(
            new ThreeFsClientOptions
            {
                ClusterId = "hostile",
                ManagerAddresses = [_listeners[0].EndPoint.ToString()],
                ConnectTimeout = TimeSpan.FromMinutes(1),
                ManagerTimeout = TimeSpan.FromMinutes(1),
                MetadataRetryDelay = TimeSpan.FromMilliseconds(1),
                StorageTimeout = TimeSpan.FromMilliseconds(5),
                MaximumStorageTimeout = TimeSpan.FromMilliseconds(5),
                OperationTimeout = TimeSpan.FromMilliseconds(10),
            }
        );
        for (var i = 0; i < Rounds; i++)
        {
            await TryAsync(() => client.GetInfoAsync("/f").AsTask());
            await TryAsync(() => client.GetInfosAsync(["/f", "/g"]).AsTask());
            await TryAsync(() => client.DeleteAsync("/f", recursive: true).AsTask());
            await TryAsync(() => client.MoveAsync("/f", "/g").AsTask());
            await TryAsync(() => client.CreateDirectoryAsync("/d").AsTask());
            await TryAsync(() => client.ResolvePathAsync("/d").AsTask());
            await TryAsync(() => client.GetFileSystemInfoAsync().AsTask());
            await TryAsync(() => client.SetTimesAsync("/f", null, DateTimeOffset.UtcNow).AsTask());
            await TryAsync(async () =>
            {
                await foreach (var entry in client.EnumerateAsync("/d", withInfo: i % 2 == 0))
                {
                    FileSystemPath.Combine("d", entry.Name).Should().Be($"d/{entry.Name}");
                }
            });
            await TryAsync(async () =>
            {
                await using var file = await client.OpenAsync(
                    "/f",
                    i % 2 == 0 ? FileMode.Create : FileMode.Open,
                    FileAccess.ReadWrite
                );
                var buffer = new byte[100_000];
                await TryAsync(() => file.ReadAsync(buffer, 10).AsTask());
                await TryAsync(() => file.WriteAsync(buffer, 10).AsTask());
                await TryAsync(() => file.SetLengthAsync(50_000).AsTask());
                await TryAsync(() => file.FsyncAsync().AsTask());
                await TryAsync(() =>
                    file.ReadBatchAsync([new FileRead(0, buffer), new FileRead(70_000, buffer)])
                        .AsTask()
                );
                await TryAsync(async () =>
                {
                    await using var stream = file.AsStream(leaveOpen: true);
                    _ = await stream.ReadAsync(buffer);
                });
            });
        }

        surprises.Should().BeEmpty();

        async Task TryAsync(Func<Task> operation)
        {
            try
            {
                await operation().WaitAsync(TimeSpan.FromMinutes(1));
            }
            catch (Exception e) when (IsDocumented(e)) { }
            catch (Exception e)
            {
                surprises.Add(e.ToString());
            }
        }
    }

    // A time-out of the wait above has no such inner exception.
    private static bool IsDocumented(Exception e) =>
        e is ThreeFsException
        || e.InnerException is ThreeFsException
        || (e is IOException or InvalidDataException or UnauthorizedAccessException);

    private void Node(uint id, NodeType type, string name, RpcService service)
    {
        var listener = new RpcListener(
            new IPEndPoint(IPAddress.Loopback, 0),
            new RpcServiceTable(service)
        );
        _listeners.Add(listener);
        _routing.Nodes[id] = new NodeInfo
        {
            App = NodeIdentity.App(id, listener.EndPoint, name),
            Type = type,
            Status = NodeStatus.HeartbeatConnected,
        };
    }

    private void Map<TReq, TRsp>(RpcService service, ushort method, Action<TReq, TRsp>? aim = null)
        where TReq : ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new() =>
        service.Map<TReq, TRsp>(
            method,
            typeof(TReq).Name,
            (request, _) =>
            {
                lock (_numbers)
                {
                    if (_random.Next(10) == 0)
                    {
                        var code = (StatusCode)_random.Next(1, 8000);
                        return new(new Status(code, "on purpose"));
                    }
                    var answer = RandomMessage.Next<TRsp>(_random, _numbers);
                    KnowTable((answer as CreateRsp)?.Stat ?? (answer as OpenRsp)?.Stat);
                    if (_random.Next(4) > 0)
                    {
                        aim?.Invoke(request, answer);
                    }
                    return new(answer);
                }
            }
        );

    // An open waits half a minute for the table of its layout.
    private static void KnowTable(Inode? inode)
    {
        if (inode?.Type is FileInode file)
        {
            file.Layout.TableId = 1;
            file.Layout.TableVersion = 1;
        }
    }

    /// <summary>Results whose number and lengths fit in the beginning and not always in the end.</summary>
    private void Aim(BatchReadReq request, BatchReadRsp answer)
    {
        var total = 0;
        answer.Results =
        [
            .. request.Payloads.Select(io =>
            {
                var length = _random.Next((int)io.Length + 1);
                total += length;
                return new IOResult { LengthInfo = (uint)length };
            }),
        ];
        answer.Inlinebuf.Data = new InlineData(new byte[total + (_random.Next(3) - 1)]);
    }

    private Inode File() =>
        new()
        {
            Id = 0x1000,
            Type = new FileInode
            {
                Length = _random.Next(4) == 0 ? ulong.MaxValue >> _random.Next(64) : 90_000,
                Layout = new Layout
                {
                    TableId = 1,
                    TableVersion = 1,
                    ChunkSize = 64 * 1024,
                    StripeSize = 2,
                    Chains = new LayoutChainRange { BaseIndex = 1 },
                },
            },
        };
}
