// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Chunks;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Storage;

internal sealed partial class StorageService
{
    private async ValueTask<WriteRsp> WriteAsync(WriteReq request, CancellationToken ct)
    {
        var io = request.Payload;
        var faults = FaultInjection.From(request.DebugFlags);
        var result = await AnswerAsync(async () =>
            {
                CheckInline(io, request.FeatureFlags);
                return await FromClientAsync(
                        io.Key.VChainId,
                        request.Tag,
                        ToUpdate(io, request.Tag),
                        faults
                    )
                    .ConfigureAwait(false);
            })
            .ConfigureAwait(false);
        return new WriteRsp { Tag = request.Tag, Result = result };
    }

    private async ValueTask<UpdateRsp> UpdateAsync(UpdateReq request, CancellationToken ct)
    {
        var io = request.Payload;
        var faults = FaultInjection.From(request.DebugFlags);
        var result = await AnswerAsync(async () =>
            {
                var view = node.Chains.Require(io.Key.VChainId);
                if (io.UpdateType == UpdateType.Write)
                {
                    CheckInline(io, request.FeatureFlags);
                }
                else if (io.Inlinebuf.Data.Length != 0)
                {
                    throw new ServiceException(
                        StatusCode.InvalidArg,
                        $"inline data of {io.Inlinebuf.Data.Length} bytes with an update of type {io.UpdateType}"
                    );
                }
                var update = ToUpdate(io, request.Tag) with
                {
                    IsSyncing = request.Options.IsSyncing,
                };
                return request.Options.FromClient
                    ? await FromClientAsync(io.Key.VChainId, request.Tag, update, faults)
                        .ConfigureAwait(false)
                    : await ApplyAsync(view, update, faults).ConfigureAwait(false);
            })
            .ConfigureAwait(false);
        return new UpdateRsp { Tag = request.Tag, Result = result };
    }

    private async ValueTask<TruncateChunksRsp> TruncateAsync(
        TruncateChunksReq request,
        CancellationToken ct
    )
    {
        var response = new TruncateChunksRsp();
        foreach (var op in request.Payloads)
        {
            var update = new ChunkUpdate
            {
                Id = op.ChunkId,
                Type = op.OnlyExtendChunk ? UpdateType.Extend : UpdateType.Truncate,
                Length = op.ChunkLen,
                ChunkSize = op.ChunkSize,
                ChainVersion = op.VChainId.ChainVer,
                Client = op.Tag.ClientId.Uuid,
                RequestId = op.Tag.RequestId,
            };
            response.Results.Add(
                await AnswerAsync(() =>
                        FromClientAsync(
                            op.VChainId,
                            op.Tag,
                            update,
                            FaultInjection.From(request.DebugFlags)
                        )
                    )
                    .ConfigureAwait(false)
            );
        }
        return response;
    }

    private async ValueTask<RemoveChunksRsp> RemoveAsync(
        RemoveChunksReq request,
        CancellationToken ct
    )
    {
        var response = new RemoveChunksRsp();
        foreach (var op in request.Payloads)
        {
            RemoveChunksResult result;
            try
            {
                FaultInjection.From(request.DebugFlags)?.Point();
                result = await RemoveRangeAsync(op).ConfigureAwait(false);
            }
            catch (Exception e) when (ServiceMapping.StatusOf(e) is { } status)
            {
                if (e is ChunkStoreException failure)
                {
                    node.Tell(failure);
                }
                result = new RemoveChunksResult { StatusCode = status };
            }
            response.Results.Add(result);
        }
        return response;
    }

    /// <summary>Removes the chunks of a range, last first.</summary>
    /// <exception cref="ServiceException">The chain does not serve here at that version.</exception>
    internal async ValueTask<RemoveChunksResult> RemoveRangeAsync(RemoveChunksOp op)
    {
        var view = RequireHead(op.VChainId);
        if (op.Tag.Channel.Id == 0)
        {
            // Removals without a channel are not deduplicated: removing twice is removing once.
            return await RemoveRangeAsync(view, op, null).ConfigureAwait(false);
        }
        var channel = _channels.Begin(
            op.Tag.ClientId.Uuid,
            op.VChainId.ChainId,
            op.Tag.Channel,
            op.Tag.RequestId,
            out var cached
        );
        if (cached is not null)
        {
            return cached is RemoveChunksResult answered ? answered : throw OtherKind(op.Tag);
        }
        object? remembered = null;
        var removed = 0u;
        try
        {
            var result = await RemoveRangeAsync(view, op, channel).ConfigureAwait(false);
            removed = result.NumChunksRemoved;
            remembered = result;
            return result;
        }
        finally
        {
            UpdateChannels.Complete(channel, remembered, removed);
        }
    }

    /// <summary>
    /// Removes what is in the range now. With a channel a repetition after a failure in the middle goes on below
    /// the last removed chunk: what others made above it meanwhile is not this request's to remove.
    /// </summary>
    private async ValueTask<RemoveChunksResult> RemoveRangeAsync(
        ChainView view,
        RemoveChunksOp op,
        UpdateChannels.Channel? channel
    )
    {
        var unfinished = channel?.Unfinished;
        var result = unfinished?.Removal ?? new RemoveChunksResult { StatusCode = default(Unit) };
        var limit = Limit(op.ChunkIdRange);
        var range = op.ChunkIdRange;
        using var chunks = view
            .Target.Chunks.Descending(range.Begin, unfinished?.RemovedLast ?? range.End)
            .GetEnumerator();
        var any = chunks.MoveNext();
        if (!any && channel is not null)
        {
            // Nothing is left, and a repetition must not remove what others make later.
            result.MoreChunksInRange = false;
            await node
                .Index.PutNoteAsync(_channels.Note(channel, new UpdateNote { Removal = result }))
                .ConfigureAwait(false);
            channel.Unfinished = null;
        }
        while (any && result.NumChunksRemoved < limit)
        {
            var id = chunks.Current.Id;
            any = chunks.MoveNext();
            result.NumChunksRemoved++;
            result.MoreChunksInRange = any && result.NumChunksRemoved == limit;
            var note = new UpdateNote
            {
                Removal = result,
                RemovedLast = any && result.NumChunksRemoved < limit ? id : null,
            };
            var update = new ChunkUpdate
            {
                Id = id,
                Type = UpdateType.Remove,
                ChainVersion = op.VChainId.ChainVer,
                Client = op.Tag.ClientId.Uuid,
                RequestId = op.Tag.RequestId,
            };
            await ApplyAsync(
                    view,
                    update,
                    null,
                    channel is null ? null : _ => _channels.Note(channel, note)
                )
                .ConfigureAwait(false);
            channel?.Unfinished = note.RemovedLast is null ? null : note;
        }
        result.MoreChunksInRange = any;
        return result;
    }

    /// <summary>An update of a client: only at the head, exactly once per channel and sequence number.</summary>
    private async ValueTask<IOResult> FromClientAsync(
        VersionedChainId chain,
        MessageTag tag,
        ChunkUpdate update,
        FaultInjection? faults
    )
    {
        faults?.Point();
        var view = RequireHead(chain);
        var channel = _channels.Begin(
            tag.ClientId.Uuid,
            chain.ChainId,
            tag.Channel,
            tag.RequestId,
            out var cached
        );
        if (cached is not null)
        {
            return cached is IOResult answered ? answered : throw OtherKind(tag);
        }
        object? remembered = null;
        try
        {
            CheckChunkSize(view.Target, update);
            var checkedUpdate = update with { RejectCreate = node.Space.IsLow() };
            var result = await ApplyAsync(
                    view,
                    checkedUpdate,
                    faults,
                    answer => _channels.Note(channel, new UpdateNote { Update = answer })
                )
                .ConfigureAwait(false);
            remembered = result;
            faults?.Point();
            return result;
        }
        finally
        {
            UpdateChannels.Complete(channel, remembered);
        }
    }

    /// <summary>
    /// Applies an update on this replica: written, then handed to the next replica, then committed. Chains
    /// have one replica, so the middle step has nothing to do; the order is the one that replication needs.
    /// </summary>
    private static async ValueTask<IOResult> ApplyAsync(
        ChainView view,
        ChunkUpdate update,
        FaultInjection? faults,
        Func<IOResult, IndexNote>? note = null
    )
    {
        if (view.Successor is { } successor)
        {
            // Acknowledging what the next replica has not got would lose it with this one.
            throw new NotSupportedException(
                $"target TargetId({successor}) is behind TargetId({view.Target.Id}) in chain "
                    + $"ChainId({view.Chain.ChainId}): replication is not implemented"
            );
        }
        var chunks = view.Target.Chunks;
        // An update that has begun is finished even if the caller is gone: the answer may be asked for again.
        var pending = await chunks.PrepareAsync(update).ConfigureAwait(false);
        try
        {
            faults?.Point();
        }
        catch (ServiceException)
        {
            chunks.Abort(pending);
            throw;
        }
        var commitChainVersion = view.Chain.ChainVersion;
        var record = await chunks
            .CommitAsync(pending, commitChainVersion, note is null ? null : r => note(ResultOf(r)))
            .ConfigureAwait(false);
        return ResultOf(record);

        IOResult ResultOf(ChunkRecord? record) =>
            new()
            {
                LengthInfo = update.Type == UpdateType.Write ? update.Length : record?.Length ?? 0,
                CommitVer = pending.Version,
                UpdateVer = pending.Version,
                Checksum = record is null
                    ? default
                    : new ChecksumInfo
                    {
                        Type = ChecksumType.Crc32c,
                        Value = record.MessageChecksum,
                    },
                CommitChainVer = commitChainVersion,
            };
    }

    private static ServiceException OtherKind(in MessageTag tag) =>
        new(
            StatusCode.StorageClientFoundBug,
            $"request {tag.RequestId} of channel {tag.Channel.Id} was one of another kind before"
        );

    private ChainView RequireHead(VersionedChainId chain)
    {
        var view = node.Chains.Require(chain);
        return view.IsHead
            ? view
            : throw new ServiceException(
                StatusCode.StorageClientRoutingError,
                $"target TargetId({view.Target.Id}) is not the head of chain {chain.ChainId}"
            );
    }

    private static void CheckChunkSize(LocalTarget target, ChunkUpdate update)
    {
        if (
            update.Type != UpdateType.Remove
            && !target.Settings.ChunkSizes.Contains(update.ChunkSize)
        )
        {
            throw new ServiceException(
                StatusCode.StorageChunkInvalidChunkSize,
                $"target TargetId({target.Id}) has no chunk size {update.ChunkSize} "
                    + $"(it has {string.Join(", ", target.Settings.ChunkSizes)})"
            );
        }
    }

    private static void CheckInline(UpdateIO io, FeatureFlags featureFlags)
    {
        if (!HasInlineData(featureFlags))
        {
            throw new ServiceException(
                StatusCode.InvalidArg,
                $"update no RDMA socket, chunk {io.Key.ChunkId} offset {io.Offset} length {io.Length}"
            );
        }
        if (io.Inlinebuf.Data.Length != io.Length)
        {
            throw new ServiceException(
                StatusCode.StorageClientFoundBug,
                $"inline data of {io.Inlinebuf.Data.Length} bytes for a write of {io.Length}"
            );
        }
    }

    private static ChunkUpdate ToUpdate(UpdateIO io, MessageTag tag) =>
        new()
        {
            Id = io.Key.ChunkId,
            Type = io.UpdateType,
            Offset = io.Offset,
            Length = io.Length,
            ChunkSize = io.ChunkSize,
            Data = io.Inlinebuf.Data.Length == 0 ? default : io.Inlinebuf.Data.Memory,
            Checksum = io.Checksum.Type == ChecksumType.Crc32c ? io.Checksum.Value : null,
            Version = io.UpdateVer,
            ChainVersion = io.Key.VChainId.ChainVer,
            Client = tag.ClientId.Uuid,
            RequestId = tag.RequestId,
        };

    private async ValueTask<IOResult> AnswerAsync(Func<ValueTask<IOResult>> body)
    {
        try
        {
            return await body().ConfigureAwait(false);
        }
        catch (Exception e) when (ServiceMapping.StatusOf(e) is { } status)
        {
            if (e is ChunkStoreException failure)
            {
                node.Tell(failure);
            }
            return new IOResult { LengthInfo = status };
        }
    }
}
