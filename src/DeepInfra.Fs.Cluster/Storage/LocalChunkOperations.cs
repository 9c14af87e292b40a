// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Metadata;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Storage;

/// <summary>
/// The metadata service's way to the storage services of the same process: the handlers are called
/// directly, under the chain versions that the manager has published.
/// </summary>
internal sealed class LocalChunkOperations(
    IReadOnlyList<StorageHost> hosts,
    Func<RoutingInfo> routing,
    bool sharesDisk
) : IChunkOperations
{
    /// <inheritdoc/>
    public ValueTask<QueryLastChunkResult> QueryLastChunkAsync(
        uint chainId,
        ulong inode,
        CancellationToken cancellationToken
    )
    {
        var (service, chain) = Find(chainId);
        return new(service.QueryLast(chain, Range(inode, 1)));
    }

    /// <inheritdoc/>
    public async ValueTask<bool> RemoveChunksAsync(
        uint chainId,
        ulong inode,
        uint limit,
        CancellationToken cancellationToken
    )
    {
        var (service, chain) = Find(chainId);
        var result = await service
            .RemoveRangeAsync(
                new RemoveChunksOp { VChainId = chain, ChunkIdRange = Range(inode, limit) }
            )
            .ConfigureAwait(false);
        return result.MoreChunksInRange;
    }

    /// <inheritdoc/>
    public (ulong Capacity, ulong Free) Space()
    {
        var spaces = hosts
            .Select(h => h.Node)
            .OfType<StorageNode>()
            .Select(n => n.Space.Measure())
            .ToList();
        // Nodes without a quota share one disk, which must not be counted once per node.
        return spaces.Count == 0 ? (0, 0)
            : sharesDisk ? ((ulong)spaces[0].Capacity, (ulong)spaces[0].Available)
            : ((ulong)spaces.Sum(s => s.Capacity), (ulong)spaces.Sum(s => s.Available));
    }

    private static ChunkIdRange Range(ulong inode, uint limit) =>
        new()
        {
            Begin = new ChunkId(inode, track: 0, chunkIndex: 0),
            End = ChunkId.EndOfFile(inode),
            MaxNumChunkIdsToProcess = limit,
        };

    private (StorageService Service, VersionedChainId Chain) Find(uint chainId)
    {
        var current = routing();
        if (!current.Chains.TryGetValue(chainId, out var chain))
        {
            throw new ServiceException(
                StatusCode.StorageClientRoutingError,
                $"chain ChainId({chainId}) not found"
            );
        }
        var head = chain.Targets[0];
        if (
            head.PublicState == PublicTargetState.Serving
            && current.Targets.TryGetValue(head.TargetId, out var target)
            && hosts.FirstOrDefault(h => h.NodeId == target.NodeId)?.Service is { } service
        )
        {
            var id = new VersionedChainId { ChainId = chainId, ChainVer = chain.ChainVersion };
            return (service, id);
        }
        throw new ServiceException(
            StatusCode.StorageClientNotAvailable,
            $"chain {chainId} has no serving target: {head.TargetId} is {head.PublicState}"
        );
    }
}
