// SPDX-License-Identifier: MIT
using System.Buffers;
using DeepInfra.Fs.Cluster.Chunks;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Storage;

/// <summary>
/// The storage service of a node. Data travels inside the messages (feature flag 4); requests without
/// that flag are refused as a server without RDMA refuses them.
/// </summary>
internal sealed partial class StorageService(StorageNode node)
{
    private readonly UpdateChannels _channels = new();

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
            return new(BatchRead(request, context));
        }
        catch (Exception e) when (ServiceMapping.StatusOf(e) is { } status)
        {
            return new(status);
        }
    }

    private BatchReadRsp BatchRead(BatchReadReq request, RpcCallContext context)
    {
        var payloads = request.Payloads;
        foreach (var io in payloads)
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
        var chains = node.Chains;
        var leases = ArrayPool<ChunkLease?>.Shared.Rent(payloads.Count);
        try
        {
            return ReadAll(request, context, chains, leases);
        }
        finally
        {
            for (var i = 0; i < payloads.Count; i++)
            {
                leases[i]?.Dispose();
                leases[i] = null;
            }
            ArrayPool<ChunkLease?>.Shared.Return(leases);
        }
    }

    private static BatchReadRsp ReadAll(
        BatchReadReq request,
        RpcCallContext context,
        ChainMap chains,
        ChunkLease?[] leases
    )
    {
        var payloads = request.Payloads;
        var total = 0;
        for (var i = 0; i < payloads.Count; i++)
        {
            var io = payloads[i];
            var view = chains.Require(io.Key.VChainId);
            leases[i] = view.Target.Chunks.Acquire(io.Key.ChunkId);
            if (leases[i] is { } lease)
            {
                total = checked(
                    total + ChunkTarget.BufferLength(lease.Record, io.Offset, io.Length)
                );
            }
        }
        var owner = MemoryPool<byte>.Shared.Rent(Math.Max(1, total));
        context.DisposeAfterReply(owner);
        var buffer = owner.Memory;
        var response = new BatchReadRsp { Results = new List<IOResult>(payloads.Count) };
        var segments = new InlineSegment[payloads.Count];
        var count = 0;
        for (var i = 0; i < payloads.Count; i++)
        {
            var io = payloads[i];
            if (leases[i] is not { } lease)
            {
                response.Results.Add(NotFound(io.Key.ChunkId));
                continue;
            }
            try
            {
                var target = chains.Find(io.Key.VChainId.ChainId).Target.Chunks;
                var data = target.Read(
                    lease,
                    io.Key.ChunkId,
                    io.Offset,
                    io.Length,
                    buffer,
                    out var checksum
                );
                buffer = buffer[ChunkTarget.BufferLength(lease.Record, io.Offset, io.Length)..];
                response.Results.Add(
                    Success(lease.Record, (uint)data.Length, checksum, request.ChecksumType)
                );
                if (!data.IsEmpty)
                {
                    segments[count++] = new InlineSegment(data, checksum);
                }
            }
            catch (ChunkStoreException e)
            {
                response.Results.Add(new IOResult { LengthInfo = e.Status });
            }
        }
        response.Inlinebuf.Data = new InlineData(segments, count);
        response.Tag.ClientId.Uuid = Guid.NewGuid();
        return response;
    }

    private static IOResult Success(
        ChunkRecord record,
        uint length,
        uint checksum,
        ChecksumType type
    ) =>
        new()
        {
            LengthInfo = length,
            CommitVer = record.CommitVersion,
            UpdateVer = record.UpdateVersion,
            Checksum =
                type == ChecksumType.None
                    ? default
                    : new ChecksumInfo { Type = ChecksumType.Crc32c, Value = checksum },
            CommitChainVer = record.ChainVersion,
        };

    private static IOResult NotFound(ChunkId chunk) =>
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
        var view = node.Chains.Require(chain);
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
