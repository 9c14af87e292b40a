// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Fs.Cluster.Chunks;
using DeepInfra.Fs.Cluster.Faults;
using DeepInfra.Fs.Cluster.Interop;
using DeepInfra.Fs.Wire;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace DeepInfra.Fs.Cluster.Storage;

/// <summary>
/// One storage node: its index, its targets and its view of the chains. It lives as long as the process
/// of the node would: stopping it closes the files, starting it again recovers from them.
/// </summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class StorageNode : IDisposable
{
    private const int DiskThreadCount = 8;

    private readonly string _directory;
    private readonly ILogger _log;
    private readonly DurabilityMode _durability;
    private readonly Func<RoutingInfo> _routing;
    private readonly ChunkIndex _index;
    private readonly ConcurrentDictionary<ulong, LocalTarget> _targets = new();
    private readonly ClusterFaults _faults;
    private readonly Lock _lock = new();
    private ChainMap _map;
    private long _spaceToldAt = -10_000;
    private int _disposed;

    public StorageNode(
        uint nodeId,
        string directory,
        DurabilityMode durability,
        long? capacityBytes,
        long reservedBytes,
        Func<RoutingInfo> routing,
        ILogger? log = null,
        ClusterFaults? faults = null
    )
    {
        NodeId = nodeId;
        _faults = faults ?? new ClusterFaults();
        Clock = _faults.ClockOf(nodeId);
        _log = log ?? NullLogger.Instance;
        _directory = directory;
        _durability = durability;
        _routing = routing;
        DurableDirectory.Create(directory);
        Space = new SpaceGuard(directory, capacityBytes, reservedBytes);
        _index = new ChunkIndex(Path.Combine(directory, "index"), durability);
        DiskThreads = new DiskThreads(DiskThreadCount);
        try
        {
            foreach (var stored in _index.Targets())
            {
                var settings = Serde.Read<TargetSettings>(stored);
                _targets[settings.TargetId] = Open(settings);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
        _map = NewMap();
    }

    /// <summary>Node id.</summary>
    public uint NodeId { get; }

    /// <summary>Clock of the node.</summary>
    public NodeClock Clock { get; }

    /// <summary>Index of the node.</summary>
    public ChunkIndex Index => _index;

    /// <summary>Space accounting of the node.</summary>
    public SpaceGuard Space { get; }

    /// <summary>Threads for reads that must wait for the disk.</summary>
    public DiskThreads DiskThreads { get; }

    /// <summary>Directory of the node's disk.</summary>
    public string DiskPath => Path.Combine(_directory, "disk0");

    /// <summary>Targets by id.</summary>
    public IReadOnlyDictionary<ulong, LocalTarget> Targets => _targets;

    /// <summary>The chains as of the newest routing information.</summary>
    public ChainMap Chains
    {
        get
        {
            var map = Volatile.Read(ref _map);
            return ReferenceEquals(map.Routing, _routing()) ? map : Refresh();
        }
    }

    /// <summary>Creates a target or finds it.</summary>
    /// <exception cref="ServiceException">It exists and must not (4018), or a chunk size is invalid (4024).</exception>
    public LocalTarget CreateTarget(CreateTargetReq request)
    {
        foreach (var size in request.ChunkSizeList)
        {
            if (!ulong.IsPow2(size) || size > 1ul << BlockAddress.MaxSizeLog2)
            {
                throw new ServiceException(
                    StatusCode.StorageChunkInvalidChunkSize,
                    $"chunk size {size} is not a power of two up to 64 MiB"
                );
            }
        }
        if (request.PhysicalFileCount is 0 or > 256 || request.DiskIndex != 0)
        {
            throw new ServiceException(
                StatusCode.InvalidArg,
                $"physical file count {request.PhysicalFileCount} (1..256), disk {request.DiskIndex} (0)"
            );
        }
        if (request.TargetId is 0 or ulong.MaxValue)
        {
            throw new ServiceException(
                StatusCode.InvalidArg,
                $"target id {request.TargetId} (1..{ulong.MaxValue - 1})"
            );
        }
        lock (_lock)
        {
            if (_targets.TryGetValue(request.TargetId, out var existing))
            {
                return Extend(existing, request);
            }
            var settings = new TargetSettings
            {
                TargetId = request.TargetId,
                ChainId = request.ChainId,
                DiskIndex = request.DiskIndex,
                FileCount = request.PhysicalFileCount,
                ChunkSizes = request.ChunkSizeList,
            };
            // Of an earlier target with this id an update may have ended after its removal.
            _index.DeleteTarget(settings.TargetId);
            var target = Open(settings);
            _index.PutTarget(settings.TargetId, Serde.ToArray(settings));
            _targets[settings.TargetId] = target;
            Volatile.Write(ref _map, NewMap());
            return target;
        }
    }

    /// <summary>Stores that an operator took a target offline.</summary>
    public void SetOffline(LocalTarget target)
    {
        lock (_lock)
        {
            target.Settings.Offline = true;
            _index.PutTarget(target.Id, Serde.ToArray(target.Settings));
            target.LocalState = LocalTargetState.Offline;
        }
        ClusterLog.TargetOffline(_log, target.Id);
    }

    /// <summary>Tells an operator about a failure of the disk or of what is on it.</summary>
    public void Tell(ChunkStoreException e)
    {
        switch (e.Code)
        {
            case StatusCode.StorageChecksumMismatch when e.IsDamage:
            case StatusCode.StorageChunkMetadataUnpackError:
                ClusterLog.Corruption(_log, NodeId, e.Message);
                break;
            case StatusCode.StorageClientNoSpace:
                // Every write meets it: one line in ten seconds is enough.
                var told = Interlocked.Read(ref _spaceToldAt);
                var now = Environment.TickCount64;
                if (
                    now - 10_000 > told
                    && Interlocked.CompareExchange(ref _spaceToldAt, now, told) == told
                )
                {
                    ClusterLog.NoSpace(_log, NodeId, e.Message);
                }
                break;
            case StatusCode.StorageChunkReadFailed
            or StatusCode.StorageChunkWriteFailed
            or StatusCode.StorageChunkOpenFailed
            or StatusCode.StorageChunkMetadataSetError:
                ClusterLog.DiskFailed(_log, NodeId, e.Message);
                break;
            default:
                break;
        }
    }

    /// <summary>Deletes a target with all its data.</summary>
    public void RemoveTarget(LocalTarget target)
    {
        lock (_lock)
        {
            _targets.TryRemove(target.Id, out _);
            Volatile.Write(ref _map, NewMap());
            _index.DeleteTarget(target.Id);
            Space.Release(target.Chunks.UsedBytes);
            target.Dispose();
            Directory.Delete(target.Chunks.Location, true);
        }
    }

    /// <summary>States of the targets for a heartbeat.</summary>
    public StorageHeartbeatInfo Report()
    {
        var chains = Chains;
        var info = new StorageHeartbeatInfo();
        foreach (var target in _targets.Values)
        {
            var view = chains.OfTarget(target.Id);
            info.Targets.Add(
                new LocalTargetInfo
                {
                    TargetId = target.Id,
                    LocalState = target.LocalState,
                    DiskIndex = target.Settings.DiskIndex,
                    UsedSize = (ulong)target.Chunks.UsedBytes,
                    ChainVersion = view?.Chain.ChainVersion ?? 0,
                    LowSpace = Space.IsLow(),
                }
            );
        }
        return info;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }
        DiskThreads.Dispose();
        // The commits on their way still flush the files of the targets and give blocks back.
        _index.Dispose();
        foreach (var target in _targets.Values)
        {
            target.Dispose();
        }
    }

    private LocalTarget Open(TargetSettings settings) =>
        new(
#pragma warning disable CA2000 // it belongs to the target
            new ChunkTarget(
                settings.TargetId,
                Path.Combine(DiskPath, $"{settings.TargetId}"),
                (int)settings.FileCount,
                _index,
                Space,
                _durability,
                Clock,
                _faults.DiskOf(settings.TargetId)
            ),
#pragma warning restore CA2000
            settings
        );

    private LocalTarget Extend(LocalTarget target, CreateTargetReq request)
    {
        if (!request.AllowExistingTarget)
        {
            throw new ServiceException(
                StatusCode.StorageInitFailed,
                $"target TargetId({request.TargetId}) is already existing"
            );
        }
        if (request.AddChunkSize)
        {
            var sizes = target.Settings.ChunkSizes.Union(request.ChunkSizeList).Order();
            target.Settings.ChunkSizes = [.. sizes];
            _index.PutTarget(target.Id, Serde.ToArray(target.Settings));
        }
        return target;
    }

    private ChainMap Refresh()
    {
        lock (_lock)
        {
            if (ReferenceEquals(_map.Routing, _routing()))
            {
                return _map;
            }
            var map = NewMap();
            Volatile.Write(ref _map, map);
            return map;
        }
    }

    /// <summary>The chains of now; targets that serve in them are up to date.</summary>
    private ChainMap NewMap()
    {
        var map = new ChainMap(_routing(), _targets);
        foreach (var target in _targets.Values)
        {
            if (target.LocalState != LocalTargetState.Offline)
            {
                target.LocalState =
                    map.OfTarget(target.Id)?.PublicState == PublicTargetState.Serving
                        ? LocalTargetState.UpToDate
                        : LocalTargetState.Online;
            }
        }
        return map;
    }
}
