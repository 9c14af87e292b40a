// SPDX-License-Identifier: MIT
using System.Net;
using DeepInfra.Fs.Cluster.Storage;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster;

public sealed partial class ThreeFsCluster
{
    private static readonly TimeSpan s_leaseExtension = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_answerAge = TimeSpan.FromMinutes(30);

    private ulong _metaHeartbeat;

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        RequireMetadata();
        foreach (var host in _hosts)
        {
            RequireFiles(host);
        }
        _managerListener = Listen(
            NodeIdentity.Manager,
            _options.ManagerPort,
            _manager.CreateService()
        );
        _metaListener = Listen(NodeIdentity.Meta, 0, _metadata.CreateService());
        await _manager
            .StartAsync(
                ManagerNode(),
                [
                    (NodeIdentity.Meta, NodeType.Meta),
                    .. _hosts.Select(h => (h.NodeId, NodeType.Storage)),
                ]
            )
            .ConfigureAwait(false);
        await CreateChainsAsync(cancellationToken).ConfigureAwait(false);
        await _metadata.InitializeAsync().ConfigureAwait(false);
        foreach (var host in _hosts)
        {
            cancellationToken.ThrowIfCancellationRequested();
            host.Start(EndPointOf(host.NodeId));
            CreateTargets(host);
            await ReportAsync(host).ConfigureAwait(false);
        }
        await ReportMetaAsync().ConfigureAwait(false);
        if (_options.VerifyChunksOnStart)
        {
            await RequireSoundChunksAsync(cancellationToken).ConfigureAwait(false);
        }
        StartLoops();
        ClusterLog.Started(_log, ClusterId, _directory.Root, ManagerAddresses[0]);
    }

    /// <summary>
    /// Chunks are there and the metadata of their files is not: new files would get the numbers of old ones, and
    /// find their chunks.
    /// </summary>
    private void RequireMetadata()
    {
        var first = _hosts.FirstOrDefault(h => HasIndex(h.NodeId));
        if (first is not null && !Routing().ChainTables.ContainsKey(NodeIdentity.ChainTable))
        {
            throw new ClusterStorageException(
                $"'{_directory.MetaStore}' is empty and '{_directory.StorageNode(first.NodeId)}' is not: "
                    + "the metadata of what is stored there is gone; restore it from a copy"
            );
        }
    }

    /// <summary>A node that has reported targets has files; without them everything in it would read as zeros.</summary>
    private void RequireFiles(StorageHost host)
    {
        if (!HasIndex(host.NodeId) && Routing().Targets.Values.Any(t => t.NodeId == host.NodeId))
        {
            throw new ClusterStorageException(
                $"the files of storage node {host.NodeId} are gone from '{_directory.StorageNode(host.NodeId)}': "
                    + "mount its disk or restore them from a copy"
            );
        }
    }

    // RocksDB makes a new database where this file is missing.
    private bool HasIndex(uint node) =>
        File.Exists(Path.Combine(_directory.StorageNode(node), "index", "CURRENT"));

    private RpcListener Listen(uint node, int port, RpcService service)
    {
        var services = new RpcServiceTable(service, CoreService.CreateService());
        var options = _options.Faults.Inject(node, _rpcOptions);
        if (port == 0 && EndPointOf(node) is { } last)
        {
            try
            {
                return new RpcListener(last, services, options);
            }
            catch (ThreeFsException)
            {
                // Somebody took the port meanwhile; another one does.
            }
        }
        return new RpcListener(new IPEndPoint(_options.Address, port), services, options);
    }

    /// <summary>Where a node listened when the cluster ran last, so that its clients find it there again.</summary>
    private IPEndPoint? EndPointOf(uint node) =>
        Routing().Nodes.TryGetValue(node, out var known)
        && known.App.ServiceGroups is [{ Endpoints: [var address, ..] }, ..]
        && address.ToEndPoint() is { } endPoint
        && endPoint.Address.Equals(_options.Address)
            ? endPoint
            : null;

    private NodeInfo ManagerNode() =>
        new()
        {
            App = NodeIdentity.App(
                NodeIdentity.Manager,
                _managerListener!.EndPoint,
                ServiceName.Mgmtd,
                _options.PublishAsRdma
            ),
            Type = NodeType.Mgmtd,
        };

    /// <summary>Chains, one per target, and the chain table. Nothing happens when they exist.</summary>
    private async Task CreateChainsAsync(CancellationToken cancellationToken)
    {
        if (_manager.Routing.Current.ChainTables.ContainsKey(NodeIdentity.ChainTable))
        {
            return;
        }
        var chains = new List<ChainSetting>();
        // Consecutive chains lie on different nodes, so that a stripe spreads over all of them.
        for (var number = 0; number < _options.TargetsPerNode; number++)
        {
            foreach (var host in _hosts)
            {
                var target = NodeIdentity.Target(host.NodeId, 0, number);
                chains.Add(
                    new ChainSetting
                    {
                        ChainId = NodeIdentity.FirstChain + (uint)chains.Count,
                        Targets = [new ChainTargetSetting { TargetId = target }],
                    }
                );
            }
        }
        await _manager
            .SetChainsAsync(
                new SetChainsReq { ClusterId = ClusterId, Chains = chains },
                cancellationToken
            )
            .ConfigureAwait(false);
        await _manager
            .SetChainTableAsync(
                new SetChainTableReq
                {
                    ClusterId = ClusterId,
                    ChainTableId = NodeIdentity.ChainTable,
                    Chains = chains.ConvertAll(c => c.ChainId),
                    Desc = "all chains",
                },
                cancellationToken
            )
            .ConfigureAwait(false);
    }

    private void CreateTargets(StorageHost host)
    {
        for (var number = 0; number < _options.TargetsPerNode; number++)
        {
            var id = NodeIdentity.Target(host.NodeId, 0, number);
            host.Node!.CreateTarget(
                new CreateTargetReq
                {
                    TargetId = id,
                    ChainId = _manager.Routing.Current.Targets[id].ChainId,
                    PhysicalFileCount = 4,
                    ChunkSizeList = [.. Enumerable.Range(12, 15).Select(log2 => 1ul << log2)],
                }
            );
        }
    }

    private async Task ReportAsync(StorageHost host)
    {
        // The second report tells the manager what the first one made of the targets.
        for (var i = 0; i < 2; i++)
        {
            if (host.Heartbeat(ClusterId) is { } report)
            {
                await _manager.HeartbeatAsync(report, CancellationToken.None).ConfigureAwait(false);
            }
        }
    }

    private async Task ReportMetaAsync() =>
        await _manager
            .HeartbeatAsync(
                new HeartbeatReq
                {
                    ClusterId = ClusterId,
                    Timestamp = _options.Faults.ClockOf(NodeIdentity.Meta).Now(),
                    Info = new HeartbeatInfo
                    {
                        Info = new MetaHeartbeatInfo(),
                        App = NodeIdentity.App(
                            NodeIdentity.Meta,
                            _metaListener!.EndPoint,
                            ServiceName.Meta,
                            _options.PublishAsRdma
                        ),
                        HbVersion = Interlocked.Increment(ref _metaHeartbeat),
                    },
                },
                CancellationToken.None
            )
            .ConfigureAwait(false);

    private async Task RequireSoundChunksAsync(CancellationToken cancellationToken)
    {
        var result = await VerifyChunksAsync(cancellationToken).ConfigureAwait(false);
        if (result.Damaged.Count > 0)
        {
            throw new ClusterStorageException(
                $"{result.Damaged.Count} of {result.Chunks} chunks are damaged: {result.Damaged[0]}"
            );
        }
    }

    private void StartLoops()
    {
        Loop("reports of the nodes", _options.HeartbeatInterval, HeartbeatAsync);
        Loop("the collector", _options.GcInterval, CollectAsync);
        Loop(
            "the manager's lease",
            s_leaseExtension,
            () => _manager.ExtendLeaseAsync(ManagerNode())
        );
        Loop("pruning of sessions", _options.SessionScanInterval, PruneAsync);
        void Loop(string work, TimeSpan interval, Func<Task> body) =>
            _loops.Add(LoopAsync(work, interval, body));
    }

    private async Task CollectAsync()
    {
        var finished = await _collector.RunAsync(_stopping.Token).ConfigureAwait(false);
        if (finished > 0)
        {
            ClusterLog.Collected(_log, finished);
        }
    }

    private async Task PruneAsync()
    {
        var ended = await _metadata
            .PruneDeadSessionsAsync(_manager.Sessions, _options.SessionTimeout, _stopping.Token)
            .ConfigureAwait(false);
        if (ended > 0)
        {
            ClusterLog.SessionsEnded(_log, ended);
        }
        await _metadata.ForgetAnswersAsync(s_answerAge, _stopping.Token).ConfigureAwait(false);
    }

    private async Task HeartbeatAsync()
    {
        foreach (var host in _hosts)
        {
            if (host.Heartbeat(ClusterId) is { } report)
            {
                await TellManagerAsync(
                        report.Info.App.NodeId,
                        () => _manager.HeartbeatAsync(report, _stopping.Token).AsTask()
                    )
                    .ConfigureAwait(false);
            }
        }
        if (!_options.Faults.IsFrozen(NodeIdentity.Meta))
        {
            await TellManagerAsync(NodeIdentity.Meta, ReportMetaAsync).ConfigureAwait(false);
        }
        await _manager.CheckAsync().ConfigureAwait(false);
    }

    /// <summary>A report that the manager refuses must not keep it from the others'.</summary>
    private async Task TellManagerAsync(uint node, Func<Task> report)
    {
        try
        {
            await report().ConfigureAwait(false);
        }
        catch (ServiceException e)
        {
            ClusterLog.RoundFailed(_log, e, $"the report of node {node}");
        }
    }

    private async Task LoopAsync(string work, TimeSpan interval, Func<Task> body)
    {
        using var timer = new PeriodicTimer(interval);
        while (true)
        {
            try
            {
                if (!await timer.WaitForNextTickAsync(_stopping.Token).ConfigureAwait(false))
                {
                    return;
                }
                // Off the timer's thread, so that a slow round does not hold up the others.
                await Task.Run(body).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // A full disk or a node that stops right now. No failure may end the loop: without reports and
                // lease the cluster would stop serving one by one.
                ClusterLog.RoundFailed(_log, e, work);
            }
        }
    }
}
