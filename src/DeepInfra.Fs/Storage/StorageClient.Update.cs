// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Management;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Storage;

internal sealed partial class StorageClient
{
    /// <summary>Chunks that one remove request may take.</summary>
    public const int RemoveBatch = 32;

    /// <summary>
    /// Writes ranges of chunks; ranges of one chunk one after the other, chunks in parallel. The outcome of each is in
    /// its entry. The data must not change until the operation returns.
    /// </summary>
    public async ValueTask WriteAsync(
        ChunkWrite[] writes,
        int count,
        CancellationToken cancellationToken
    )
    {
        if (count == 1)
        {
            await WriteRunAsync(writes, 0, 1, cancellationToken).ConfigureAwait(false);
            return;
        }

        var tasks = new List<Task>();
        for (var start = 0; start < count; )
        {
            var end = start + 1;
            while (end < count && writes[end].Chunk == writes[start].Chunk)
            {
                end++;
            }

            tasks.Add(WriteRunAsync(writes, start, end, cancellationToken).AsTask());
            start = end;
        }

        await Task.WhenAll(tasks).ConfigureAwait(false);
    }

    /// <summary>The last chunk of a range on one chain, with the total length and number of chunks.</summary>
    public async ValueTask<Result<QueryLastChunkResult>> QueryLastChunkAsync(
        uint chainId,
        ChunkIdRange range,
        CancellationToken cancellationToken
    )
    {
        QueryLastChunkResult answer = default;
        var status = await RetryAsync(
                chainId,
                range,
                async (state, chain, timeout, token) =>
                {
                    var request = new QueryLastChunkReq
                    {
                        Payloads = [new() { VChainId = Versioned(chain), ChunkIdRange = state }],
                        Tag = _channels.ReadTag(),
                        UserInfo = _context.User,
                    };
                    var head = chain.Targets[0];
                    var result = await SendAsync<QueryLastChunkReq, QueryLastChunkRsp>(
                            head.NodeId,
                            head.Address,
                            StorageMethod.QueryLastChunk,
                            request,
                            timeout,
                            sink: null,
                            token
                        )
                        .ConfigureAwait(false);
                    if (!result.HasValue || result.Value.Results.Count != 1)
                    {
                        return AtNode(WrongCount(result), head.Address, head.TargetId);
                    }

                    answer = result.Value.Results[0];
                    return answer.StatusCode.HasValue
                        ? Status.Ok
                        : AtNode(answer.StatusCode.Status, head.Address, head.TargetId);
                },
                cancellationToken
            )
            .ConfigureAwait(false);
        return status.IsOk ? answer : status;
    }

    /// <summary>Removes all chunks of a range on one chain, in batches.</summary>
    /// <returns>How many chunks were removed.</returns>
    public async ValueTask<Result<long>> RemoveChunksAsync(
        uint chainId,
        ChunkId begin,
        ChunkId end,
        CancellationToken cancellationToken
    )
    {
        long removed = 0;
        while (true)
        {
            // Every removed chunk consumes one sequence number of the channel.
            var tag = await _channels
                .AcquireAsync(RemoveBatch, cancellationToken)
                .ConfigureAwait(false);
            try
            {
                var operation = new RemoveChunksOp
                {
                    ChunkIdRange = new ChunkIdRange
                    {
                        Begin = begin,
                        End = end,
                        MaxNumChunkIdsToProcess = RemoveBatch,
                    },
                    Tag = tag,
                };
                RemoveChunksResult answer = default;
                var status = await RetryAsync(
                        chainId,
                        operation,
                        async (state, chain, timeout, token) =>
                        {
                            state.VChainId = Versioned(chain);
                            var result = await RemoveOnceAsync(state, chain, timeout, token)
                                .ConfigureAwait(false);
                            answer = result.HasValue ? result.Value : default;
                            return result.Status;
                        },
                        cancellationToken
                    )
                    .ConfigureAwait(false);
                if (!status.IsOk)
                {
                    return status;
                }

                removed += answer.NumChunksRemoved;
                if (!answer.MoreChunksInRange)
                {
                    return removed;
                }
            }
            finally
            {
                _channels.Release(tag);
            }
        }
    }

    /// <summary>Sets the length of one chunk; growing fills with zeros.</summary>
    public async ValueTask<Status> TruncateChunkAsync(
        uint chainId,
        ChunkId chunk,
        uint length,
        uint chunkSize,
        bool onlyExtend,
        CancellationToken cancellationToken
    )
    {
        var tag = await _channels.AcquireAsync(1, cancellationToken).ConfigureAwait(false);
        try
        {
            var operation = new TruncateChunkOp
            {
                ChunkId = chunk,
                ChunkLen = length,
                ChunkSize = chunkSize,
                OnlyExtendChunk = onlyExtend,
                Tag = tag,
            };
            return await RetryAsync(chainId, operation, TruncateOnceAsync, cancellationToken)
                .ConfigureAwait(false);
        }
        finally
        {
            _channels.Release(tag);
        }
    }

    private async ValueTask WriteRunAsync(
        ChunkWrite[] writes,
        int start,
        int end,
        CancellationToken cancellationToken
    )
    {
        for (var i = start; i < end; i++)
        {
            var write = writes[i];
            // One pass over the data serves the request, every replica and the frame.
            uint? checksum = _context.Options.ChecksumWrites
                ? Crc32C.ChunkChecksum(write.Data.Span)
                : null;
            var tag = await _channels.AcquireAsync(1, cancellationToken).ConfigureAwait(false);
            try
            {
                var request = new WriteReq
                {
                    Tag = tag,
                    UserInfo = _context.User,
                    FeatureFlags = FeatureFlags.SendDataInline,
                };
                request.Payload.Offset = write.Offset;
                request.Payload.Length = (uint)write.Data.Length;
                request.Payload.ChunkSize = write.ChunkSize;
                request.Payload.Key.ChunkId = write.Chunk;
                request.Payload.Rdmabuf.Size = (ulong)write.Data.Length;
                request.Payload.UpdateType = UpdateType.Write;
                request.Payload.Checksum = new ChecksumInfo
                {
                    Type = checksum is null ? ChecksumType.None : ChecksumType.Crc32c,
                    Value = checksum ?? 0,
                };
                request.Payload.Inlinebuf.Data = new InlineData(write.Data, checksum);
                writes[i].Status = await RetryAsync(
                        write.ChainId,
                        request,
                        WriteOnceAsync,
                        cancellationToken
                    )
                    .ConfigureAwait(false);
            }
            finally
            {
                _channels.Release(tag);
            }
        }
    }

    private async ValueTask<Status> WriteOnceAsync(
        WriteReq request,
        ServingChain chain,
        TimeSpan timeout,
        CancellationToken cancellationToken
    )
    {
        request.Payload.Key.VChainId = Versioned(chain);
        var head = chain.Targets[0];
        var result = await SendAsync<WriteReq, WriteRsp>(
                head.NodeId,
                head.Address,
                StorageMethod.Write,
                request,
                timeout,
                sink: null,
                cancellationToken
            )
            .ConfigureAwait(false);
        request.RetryCount++;
        if (!result.HasValue)
        {
            return AtNode(result.Status, head.Address, head.TargetId);
        }

        var length = result.Value.Result.LengthInfo;
        if (!length.HasValue)
        {
            return AtNode(length.Status, head.Address, head.TargetId);
        }

        return length.Value == request.Payload.Length
            ? Status.Ok
            : AtNode(
                new Status(
                    StatusCode.StorageClientFoundBug,
                    $"chunk {request.Payload.Key.ChunkId}: wrote {length.Value} of {request.Payload.Length} bytes"
                ),
                head.Address,
                head.TargetId
            );
    }

    private async ValueTask<Result<RemoveChunksResult>> RemoveOnceAsync(
        RemoveChunksOp operation,
        ServingChain chain,
        TimeSpan timeout,
        CancellationToken cancellationToken
    )
    {
        var request = new RemoveChunksReq { Payloads = [operation], UserInfo = _context.User };
        var head = chain.Targets[0];
        var result = await SendAsync<RemoveChunksReq, RemoveChunksRsp>(
                head.NodeId,
                head.Address,
                StorageMethod.RemoveChunks,
                request,
                timeout,
                sink: null,
                cancellationToken
            )
            .ConfigureAwait(false);
        if (!result.HasValue || result.Value.Results.Count != 1)
        {
            return AtNode(WrongCount(result), head.Address, head.TargetId);
        }

        var answer = result.Value.Results[0];
        return answer.StatusCode.HasValue
            ? answer
            : AtNode(answer.StatusCode.Status, head.Address, head.TargetId);
    }

    private async ValueTask<Status> TruncateOnceAsync(
        TruncateChunkOp operation,
        ServingChain chain,
        TimeSpan timeout,
        CancellationToken cancellationToken
    )
    {
        operation.VChainId = Versioned(chain);
        var request = new TruncateChunksReq { Payloads = [operation], UserInfo = _context.User };
        var head = chain.Targets[0];
        var result = await SendAsync<TruncateChunksReq, TruncateChunksRsp>(
                head.NodeId,
                head.Address,
                StorageMethod.TruncateChunks,
                request,
                timeout,
                sink: null,
                cancellationToken
            )
            .ConfigureAwait(false);
        if (!result.HasValue || result.Value.Results.Count != 1)
        {
            return AtNode(WrongCount(result), head.Address, head.TargetId);
        }

        var length = result.Value.Results[0].LengthInfo;
        return length.HasValue ? Status.Ok : AtNode(length.Status, head.Address, head.TargetId);
    }

    private static Status WrongCount<T>(Result<T> result) =>
        result.HasValue
            ? new Status(
                StatusCode.StorageClientFoundBug,
                "the answer to one operation has not one result"
            )
            : result.Status;

    private static VersionedChainId Versioned(ServingChain chain) =>
        new() { ChainId = chain.ChainId, ChainVer = chain.ChainVersion };
}
