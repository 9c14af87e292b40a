// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Metadata;

/// <summary>What the metadata service needs of the storage services.</summary>
internal interface IChunkOperations
{
    /// <summary>The last chunk of a file on one chain; empty when it has none there.</summary>
    /// <exception cref="ServiceException">The chain does not serve or the node does not answer.</exception>
    ValueTask<QueryLastChunkResult> QueryLastChunkAsync(
        uint chainId,
        ulong inode,
        CancellationToken cancellationToken
    );

    /// <summary>Removes chunks of a file on one chain; true when more are left.</summary>
    /// <exception cref="ServiceException">The chain does not serve or the node does not answer.</exception>
    ValueTask<bool> RemoveChunksAsync(
        uint chainId,
        ulong inode,
        uint limit,
        CancellationToken cancellationToken
    );

    /// <summary>Capacity and free bytes of the cluster.</summary>
    (ulong Capacity, ulong Free) Space();
}
