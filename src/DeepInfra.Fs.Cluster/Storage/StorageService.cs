// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Storage;

/// <summary>
/// The storage service of a node. Data travels inside the messages (feature flag 4); requests without
/// that flag are refused as a server without RDMA refuses them.
/// </summary>
internal sealed partial class StorageService(StorageNode node)
{
    private readonly UpdateChannels _channels = new(node.Clock, node.Index);

    /// <summary>The service for a listener.</summary>
    public RpcService CreateService()
    {
        var service = new RpcService(ServiceId.Storage, ServiceName.Storage)
            .Map<BatchReadReq, BatchReadRsp>(StorageMethod.BatchRead, "batchRead", BatchReadAsync)
            .On<WriteReq, WriteRsp>(StorageMethod.Write, "write", WriteAsync)
            .On<UpdateReq, UpdateRsp>(StorageMethod.Update, "update", UpdateAsync)
            .On<QueryLastChunkReq, QueryLastChunkRsp>(
                StorageMethod.QueryLastChunk,
                "queryLastChunk",
                QueryLastChunk
            )
            .On<TruncateChunksReq, TruncateChunksRsp>(
                StorageMethod.TruncateChunks,
                "truncateChunks",
                TruncateAsync
            )
            .On<RemoveChunksReq, RemoveChunksRsp>(
                StorageMethod.RemoveChunks,
                "removeChunks",
                RemoveAsync
            );
        return MapTargets(service);
    }

    private static bool HasInlineData(FeatureFlags flags) =>
        (flags & FeatureFlags.SendDataInline) != 0;

    private ValueTask<Result<BatchReadRsp>> BatchReadAsync(
        BatchReadReq request,
        RpcCallContext context
    )
    {
        try
        {
            FaultInjection.From(request.DebugFlags)?.Point();
            CheckRead(request);
            var read = new BatchRead(request, node, context);
            var reserved = read.ReserveAsync();
            return !reserved.IsCompletedSuccessfully ? new(WaitForMemoryAsync(read, reserved))
                : read.TryRun(mayWait: false) ? new(read.Finish())
                : new(WaitForDiskAsync(read));
        }
        catch (Exception e) when (ServiceMapping.StatusOf(e) is { } status)
        {
            return new(status);
        }
    }

    private async Task<Result<BatchReadRsp>> WaitForMemoryAsync(BatchRead read, ValueTask reserved)
    {
        await reserved.ConfigureAwait(false);
        return await WaitForDiskAsync(read).ConfigureAwait(false);
    }

    private async Task<Result<BatchReadRsp>> WaitForDiskAsync(BatchRead read)
    {
        ClusterMetrics.DiskWaits.Add(1);
        try
        {
            await node.DiskThreads.RunAsync(read).ConfigureAwait(false);
            return read.Finish();
        }
        catch (Exception e) when (ServiceMapping.StatusOf(e) is { } status)
        {
            return status;
        }
    }

    private static void CheckRead(BatchReadReq request)
    {
        foreach (var io in request.Payloads)
        {
            if (io.Length > io.Rdmabuf.Size)
            {
                throw new ServiceException(
                    StatusCode.InvalidArg,
                    $"invalid read buffer size {io.Rdmabuf.Size} for {io.Length} bytes of chunk {io.Key.ChunkId}"
                );
            }
        }
        if (!HasInlineData(request.FeatureFlags))
        {
            throw new ServiceException(StatusCode.InvalidArg, "batch read no RDMA socket");
        }
    }

    internal static IOResult NotFound(ChunkId chunk) =>
        new()
        {
            LengthInfo = new Status(
                StatusCode.StorageChunkMetadataNotFound,
                $"chunk id ChunkId({chunk}) meta not found: KVStoreNotFound(60)"
            ),
        };

    private QueryLastChunkRsp QueryLastChunk(QueryLastChunkReq request)
    {
        var response = new QueryLastChunkRsp();
        foreach (var op in request.Payloads)
        {
            QueryLastChunkResult result;
            try
            {
                FaultInjection.From(request.DebugFlags)?.Point();
                result = QueryLast(op.VChainId, op.ChunkIdRange);
            }
            catch (Exception e) when (ServiceMapping.StatusOf(e) is { } status)
            {
                result = new QueryLastChunkResult { StatusCode = status };
            }
            response.Results.Add(result);
        }
        return response;
    }

    /// <summary>The last chunk of a range on one chain.</summary>
    /// <exception cref="ServiceException">The chain does not serve here at that version.</exception>
    internal QueryLastChunkResult QueryLast(VersionedChainId chain, ChunkIdRange range)
    {
        var view = node.Chains.RequireServing(chain);
        var result = new QueryLastChunkResult { StatusCode = default(Unit) };
        var limit = Limit(range);
        foreach (var (id, record) in view.Target.Chunks.Descending(range.Begin, range.End))
        {
            if (result.TotalNumChunks == limit)
            {
                result.MoreChunksInRange = true;
                break;
            }
            if (result.TotalNumChunks == 0)
            {
                result.LastChunkId = id;
                result.LastChunkLen = record.Length;
            }
            result.TotalNumChunks++;
            result.TotalChunkLen += record.Length;
        }
        return result;
    }

    private static uint Limit(ChunkIdRange range) =>
        range.MaxNumChunkIdsToProcess == 0 ? uint.MaxValue : range.MaxNumChunkIdsToProcess;
}
