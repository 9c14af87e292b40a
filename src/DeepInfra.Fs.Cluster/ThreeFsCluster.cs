// SPDX-License-Identifier: MIT
using System.Net;
using DeepInfra.Fs.Cluster.KeyValue;
using DeepInfra.Fs.Cluster.Manager;
using DeepInfra.Fs.Cluster.Metadata;
using DeepInfra.Fs.Cluster.Storage;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RocksDbSharp;

namespace DeepInfra.Fs.Cluster;

/// <summary>
/// A small 3FS cluster in this process: a manager, a metadata service and storage nodes, on local disk,
/// speaking the wire protocol over loopback TCP. Stopping and starting again on the same directory
/// recovers everything that was acknowledged.
/// </summary>
/// <remarks>Thread-safe. Dispose it to close the sockets and files.</remarks>
public sealed partial class ThreeFsCluster : IAsyncDisposable
{
    private readonly ThreeFsClusterOptions _options;
    private readonly ILogger _log;
    private readonly DataDirectory _directory;
    private readonly KeyValueStore _store;
    private readonly ManagerService _manager;
    private readonly MetadataService _metadata;
    private readonly GarbageCollector _collector;
    private readonly StorageHost[] _hosts;
    private readonly RpcOptions _rpcOptions;
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _nodeChanges = new(1, 1);
    private readonly List<Task> _loops = [];
    private RpcListener? _managerListener;
    private RpcListener? _metaListener;
    private int _disposed;

    private ThreeFsCluster(
        ThreeFsClusterOptions options,
        RpcOptions rpcOptions,
        DataDirectory directory,
        KeyValueStore store
    )
    {
        _options = options;
        _log = options.LoggerFactory?.CreateLogger(ClusterLog.Category) ?? NullLogger.Instance;
        _rpcOptions = rpcOptions with
        {
            Logger = options.LoggerFactory?.CreateLogger(FsLog.Category) ?? NullLogger.Instance,
        };
        _directory = directory;
        _store = store;
        _manager = new ManagerService(
            options.ClusterId,
            NodeIdentity.Manager,
            options.FailAfter,
            store,
            _log,
            options.Faults.ClockOf(NodeIdentity.Manager)
        );
        _hosts = new StorageHost[options.StorageNodeCount];
        for (var i = 0; i < _hosts.Length; i++)
        {
            var id = NodeIdentity.FirstStorage + (uint)i;
            _hosts[i] = new StorageHost(
                id,
                options,
                directory.StorageNode(id),
                Routing,
                options.Faults.Inject(id, _rpcOptions),
                _log
            );
        }
        var chunks = new LocalChunkOperations(_hosts, Routing, options.NodeCapacityBytes is null);
        _metadata = new MetadataService(
            store,
            Routing,
            chunks,
            new Layout
            {
                TableId = NodeIdentity.ChainTable,
                ChunkSize = (uint)options.ChunkSize,
                StripeSize = (uint)options.StripeSize,
            },
            options.Faults.ClockOf(NodeIdentity.Meta)
        );
        _collector = new GarbageCollector(
            store,
            Routing,
            chunks,
            options.GcDelay,
            _metadata,
            options.Faults.ClockOf(NodeIdentity.Meta)
        );
    }

    /// <summary>The settings that the cluster runs with.</summary>
    public ThreeFsClusterOptions Options => _options;

    /// <summary>Name that clients must give.</summary>
    public string ClusterId => _options.ClusterId;

    /// <summary>Where the manager listens; what a client needs to connect.</summary>
    public IReadOnlyList<IPEndPoint> ManagerEndpoints => [_managerListener!.EndPoint];

    /// <summary>The same as addresses for <see cref="ThreeFsClientOptions.ManagerAddresses"/>.</summary>
    public IReadOnlyList<string> ManagerAddresses =>
        [.. ManagerEndpoints.Select(e => e.ToString())];

    /// <summary>Number of storage nodes, running or not.</summary>
    public int StorageNodeCount => _hosts.Length;

    /// <summary>Starts a cluster: creates it in an empty directory or recovers it.</summary>
    /// <param name="options">Settings; they must fit the cluster that the directory holds.</param>
    /// <param name="cancellationToken">Stops the start.</param>
    /// <exception cref="ArgumentException">A setting is out of range.</exception>
    /// <exception cref="NotSupportedException">More than one replica was asked for.</exception>
    /// <exception cref="DataDirectoryInUseException">Another cluster runs on the directory.</exception>
    /// <exception cref="ClusterStorageException">The directory does not fit, cannot be read, or lost a part.</exception>
    /// <exception cref="ThreeFsException">A port cannot be opened.</exception>
    public static Task<ThreeFsCluster> StartAsync(
        ThreeFsClusterOptions options,
        CancellationToken cancellationToken = default
    ) =>
        StartAsync(
            options,
            new RpcOptions { Compressor = new ZstdFrameCompressor() },
            cancellationToken
        );

    /// <summary>As the public method, with settings of the listeners, which can lose and delay messages.</summary>
    internal static async Task<ThreeFsCluster> StartAsync(
        ThreeFsClusterOptions options,
        RpcOptions rpcOptions,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var directory = DataDirectory.Open(
            options.DataDirectory,
            new ClusterShape(
                1,
                options.ClusterId,
                options.StorageNodeCount,
                options.TargetsPerNode,
                options.ReplicaCount
            )
        );
        KeyValueStore? store = null;
        ThreeFsCluster? cluster = null;
        try
        {
            store = KeyValueStore.Open(directory.MetaStore, options.Durability);
            cluster = new ThreeFsCluster(options, rpcOptions, directory, store);
            await cluster.RunAsync(cancellationToken).ConfigureAwait(false);
            return cluster;
        }
        catch (Exception e)
        {
            if (cluster is not null)
            {
                await cluster.DisposeAsync().ConfigureAwait(false);
            }
            else
            {
                store?.Dispose();
                directory.Dispose();
            }
            if (e is RocksDbSharpException or SerdeException)
            {
                throw new ClusterStorageException(
                    $"what is stored in '{directory.Root}' cannot be read: {e.Message}",
                    e
                );
            }
            throw;
        }
    }

    /// <summary>Connects a client to this cluster, over TCP as any other client. The caller disposes it.</summary>
    /// <param name="configure">Changes settings, for example the user; null keeps the defaults.</param>
    /// <param name="cancellationToken">Cancels connecting.</param>
    /// <exception cref="ThreeFsException">The manager does not answer.</exception>
    public ValueTask<ThreeFsClient> ConnectAsync(
        Func<ThreeFsClientOptions, ThreeFsClientOptions>? configure = null,
        CancellationToken cancellationToken = default
    )
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        var options = new ThreeFsClientOptions
        {
            ClusterId = ClusterId,
            ManagerAddresses = ManagerAddresses,
            LoggerFactory = _options.LoggerFactory,
        };
        return ThreeFsClient.ConnectAsync(configure?.Invoke(options) ?? options, cancellationToken);
    }

    /// <summary>Whether a storage node runs.</summary>
    /// <param name="index">0 to <see cref="StorageNodeCount"/> − 1.</param>
    public bool IsNodeRunning(int index) => Host(index).IsRunning;

    /// <summary>
    /// Stops a storage node: its connections are cut and its files closed. The manager notices by the
    /// missing reports, as it would if the process had died.
    /// </summary>
    /// <param name="index">0 to <see cref="StorageNodeCount"/> − 1.</param>
    /// <param name="graceful">Let requests in processing finish, and tell the manager at once.</param>
    public async Task StopNodeAsync(int index, bool graceful = false)
    {
        var host = Host(index);
        await _nodeChanges.WaitAsync().ConfigureAwait(false);
        try
        {
            await host.StopAsync(graceful).ConfigureAwait(false);
            if (graceful)
            {
                await _manager.MarkFailedAsync(host.NodeId).ConfigureAwait(false);
            }
        }
        finally
        {
            _nodeChanges.Release();
        }
    }

    /// <summary>Starts a stopped storage node; when the task completes its chains serve again.</summary>
    /// <param name="index">0 to <see cref="StorageNodeCount"/> − 1.</param>
    /// <exception cref="ClusterStorageException">Its files cannot be opened or are gone.</exception>
    public async Task StartNodeAsync(int index)
    {
        var host = Host(index);
        await _nodeChanges.WaitAsync().ConfigureAwait(false);
        try
        {
            if (host.IsRunning)
            {
                return;
            }
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
            RequireFiles(host);
            // The manager must see the node go down before it comes back, even if it was gone for less
            // than the fail interval: what it holds is to be recovered first.
            await _manager.MarkFailedAsync(host.NodeId).ConfigureAwait(false);
            host.Start();
            await ReportAsync(host).ConfigureAwait(false);
        }
        finally
        {
            _nodeChanges.Release();
        }
    }

    /// <summary>Reads every chunk of the running nodes and compares it with its checksums.</summary>
    /// <param name="cancellationToken">Stops the check.</param>
    public Task<ChunkVerification> VerifyChunksAsync(
        CancellationToken cancellationToken = default
    ) =>
        Task.Run(
            () =>
            {
                var chunks = 0L;
                var damaged = new List<string>();
                foreach (var node in _hosts.Select(h => h.Node).OfType<StorageNode>())
                {
                    foreach (var target in node.Targets.Values)
                    {
                        try
                        {
                            var result = target.Chunks.Verify(cancellationToken);
                            chunks += result.Chunks;
                            damaged.AddRange(result.Damaged);
                            foreach (var message in result.Damaged)
                            {
                                ClusterLog.Corruption(_log, node.NodeId, message);
                            }
                        }
                        catch (ObjectDisposedException)
                        {
                            // The node was stopped meanwhile; it is not a running one any more.
                        }
                    }
                }
                ClusterLog.Verified(_log, chunks, damaged.Count);
                return new ChunkVerification(chunks, damaged);
            },
            cancellationToken
        );

    /// <summary>Stops everything: sockets first, then files.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }
        await _stopping.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_loops).ConfigureAwait(false);
        // A node that is being started or stopped right now is waited for, or it would be left running.
        await _nodeChanges.WaitAsync().ConfigureAwait(false);
        try
        {
            await StopListenerAsync(_metaListener).ConfigureAwait(false);
            await Task.WhenAll(_hosts.Select(host => host.StopAsync(true))).ConfigureAwait(false);
            await StopListenerAsync(_managerListener).ConfigureAwait(false);
        }
        finally
        {
            // Whatever failed above: the store is closed and the directory is free again.
            _nodeChanges.Release();
            _metadata.Dispose();
            _manager.Dispose();
            _store.Dispose();
            _directory.Dispose();
            _stopping.Dispose();
        }
        ClusterLog.Stopped(_log, ClusterId);
        if (_options.DeleteDataOnDispose)
        {
            Directory.Delete(_directory.Root, true);
        }
    }

    /// <summary>The manager.</summary>
    internal ManagerService Manager => _manager;

    /// <summary>The storage nodes, running or not.</summary>
    internal IReadOnlyList<StorageHost> Hosts => _hosts;

    /// <summary>Drops all chunk files from the page cache, so that the next reads come from the disk.</summary>
    internal void DropCaches()
    {
        foreach (var node in _hosts.Select(h => h.Node).OfType<StorageNode>())
        {
            foreach (var target in node.Targets.Values)
            {
                target.Chunks.DropCaches();
            }
        }
    }

    private RoutingInfo Routing() => _manager.Routing.Current;

    private StorageHost Host(int index)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        if (index < 0 || index >= _hosts.Length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(index),
                index,
                $"index: expected 0..{_hosts.Length - 1}, got {index}"
            );
        }
        return _hosts[index];
    }

    private static async Task StopListenerAsync(RpcListener? listener)
    {
        if (listener is not null)
        {
            await listener.StopAsync(TimeSpan.FromSeconds(5)).ConfigureAwait(false);
        }
    }
}
