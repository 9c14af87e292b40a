// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Fakes;

/// <summary>A storage node of a <see cref="FakeCluster"/>.</summary>
internal sealed class FakeStorage(FakeCluster cluster, int number)
{
    public int Number { get; } = number;

    public List<BatchReadReq> Reads { get; } = [];

    public List<WriteReq> Writes { get; } = [];

    /// <summary>Called for each batch; a result replaces the answer.</summary>
    public Func<BatchReadReq, Result<BatchReadRsp>?> OnRead { get; set; } = _ => null;

    /// <summary>Called with each answer before it is sent.</summary>
    public Action<BatchReadReq, BatchReadRsp> OnReadAnswer { get; set; } = (_, _) => { };

    /// <summary>Called for each write before it is executed; a status replaces the result.</summary>
    public Func<WriteReq, Status?> OnWrite { get; set; } = _ => null;

    /// <summary>Called for each write after it was executed; a status replaces the result.</summary>
    public Func<WriteReq, Status?> AfterWrite { get; set; } = _ => null;

    /// <summary>Awaited before a batch is answered.</summary>
    public Func<CancellationToken, Task> ReadDelay { get; set; } = _ => Task.CompletedTask;

    public RpcService Service() =>
        new RpcService(ServiceId.Storage, ServiceName.Storage)
            .Map<BatchReadReq, BatchReadRsp>(
                StorageMethod.BatchRead,
                "batchRead",
                async (request, call) =>
                {
                    lock (Reads)
                    {
                        Reads.Add(request);
                    }

                    await ReadDelay(call.Aborted);
                    return OnRead(request) ?? Read(request);
                }
            )
            .Map<WriteReq, WriteRsp>(
                StorageMethod.Write,
                "write",
                (request, _) => new ValueTask<Result<WriteRsp>>(Write(request))
            )
            .Map<TruncateChunksReq, TruncateChunksRsp>(
                StorageMethod.TruncateChunks,
                "truncateChunks",
                (request, _) =>
                    new(new TruncateChunksRsp { Results = [.. request.Payloads.Select(Truncate)] })
            )
            .Map<RemoveChunksReq, RemoveChunksRsp>(
                StorageMethod.RemoveChunks,
                "removeChunks",
                (request, _) =>
                    new(new RemoveChunksRsp { Results = [.. request.Payloads.Select(Remove)] })
            )
            .Map<QueryLastChunkReq, QueryLastChunkRsp>(
                StorageMethod.QueryLastChunk,
                "queryLastChunk",
                (request, _) =>
                    new(new QueryLastChunkRsp { Results = [.. request.Payloads.Select(Query)] })
            );

    private BatchReadRsp Read(BatchReadReq request)
    {
        var results = new List<IOResult>();
        var data = new MemoryStream();
        foreach (var io in request.Payloads)
        {
            results.Add(Read(request, io, data));
        }

        var answer = new BatchReadRsp
        {
            Results = results,
            Inlinebuf = new() { Data = new InlineData(data.ToArray()) },
        };
        OnReadAnswer(request, answer);
        return answer;
    }

    private IOResult Read(BatchReadReq request, in ReadIO io, MemoryStream data)
    {
        if (Check(io.Key.VChainId) is { } fault)
        {
            return new IOResult { LengthInfo = fault };
        }

        byte[]? chunk;
        lock (cluster.Chunks)
        {
            cluster.Chunks.TryGetValue((io.Key.VChainId.ChainId, io.Key.ChunkId), out chunk);
        }

        if (chunk is null)
        {
            return new IOResult { LengthInfo = StatusCode.StorageChunkMetadataNotFound };
        }

        var start = Math.Min((int)io.Offset, chunk.Length);
        var span = chunk.AsSpan(start, Math.Min((int)io.Length, chunk.Length - start));
        data.Write(span);
        return new IOResult
        {
            LengthInfo = (uint)span.Length,
            CommitVer = 1,
            UpdateVer = 1,
            Checksum =
                request.ChecksumType == ChecksumType.None
                    ? default
                    : new() { Type = ChecksumType.Crc32c, Value = Crc32C.ChunkChecksum(span) },
        };
    }

    private WriteRsp Write(WriteReq request)
    {
        var payload = request.Payload;
        var bytes = payload.Inlinebuf.Data.ToArray();
        // The request's bytes live in the frame; what a test looks at later must be a copy.
        request.Payload.Inlinebuf.Data = new InlineData(bytes);
        lock (Writes)
        {
            Writes.Add(Serde.Read<WriteReq>(Serde.ToArray(request)));
        }

        var status = OnWrite(request) ?? Check(payload.Key.VChainId);
        if (
            status is null
            && Crc32C.ChunkChecksum(bytes) != payload.Checksum.Value
            && payload.Checksum.Type == ChecksumType.Crc32c
        )
        {
            status = new Status(StatusCode.StorageChecksumMismatch);
        }

        if (status is null)
        {
            Update(
                payload.Key,
                old =>
                {
                    var chunk = new byte[Math.Max(old.Length, (int)payload.Offset + bytes.Length)];
                    old.CopyTo(chunk, 0);
                    bytes.CopyTo(chunk, (int)payload.Offset);
                    return chunk;
                }
            );
            status = AfterWrite(request);
        }

        return new WriteRsp
        {
            Tag = request.Tag,
            Result = new IOResult
            {
                LengthInfo = status is { } failed ? failed : (uint)bytes.Length,
            },
        };
    }

    private IOResult Truncate(TruncateChunkOp op)
    {
        if (Check(op.VChainId) is { } fault)
        {
            return new IOResult { LengthInfo = fault };
        }

        var key = new GlobalKey { VChainId = op.VChainId, ChunkId = op.ChunkId };
        Update(
            key,
            old =>
            {
                var length = op.OnlyExtendChunk
                    ? Math.Max(old.Length, (int)op.ChunkLen)
                    : (int)op.ChunkLen;
                var chunk = new byte[length];
                old.AsSpan(0, Math.Min(old.Length, length)).CopyTo(chunk);
                return chunk;
            }
        );
        return new IOResult { LengthInfo = op.ChunkLen };
    }

    private RemoveChunksResult Remove(RemoveChunksOp op)
    {
        lock (cluster.Chunks)
        {
            var keys = InRange(op.VChainId.ChainId, op.ChunkIdRange).OrderDescending().ToList();
            var limit = (int)op.ChunkIdRange.MaxNumChunkIdsToProcess;
            foreach (var key in keys.Take(limit))
            {
                cluster.Chunks.Remove((op.VChainId.ChainId, key));
            }

            return new RemoveChunksResult
            {
                StatusCode = default(Unit),
                NumChunksRemoved = (uint)Math.Min(keys.Count, limit),
                MoreChunksInRange = keys.Count > limit,
            };
        }
    }

    private QueryLastChunkResult Query(QueryLastChunkOp op)
    {
        lock (cluster.Chunks)
        {
            var keys = InRange(op.VChainId.ChainId, op.ChunkIdRange).OrderDescending().ToList();
            var answer = new QueryLastChunkResult { StatusCode = default(Unit) };
            if (keys.Count > 0)
            {
                answer.LastChunkId = keys[0];
                answer.LastChunkLen = (uint)cluster.Chunks[(op.VChainId.ChainId, keys[0])].Length;
                answer.TotalNumChunks = (ulong)keys.Count;
            }

            return answer;
        }
    }

    private IEnumerable<ChunkId> InRange(uint chain, ChunkIdRange range) =>
        cluster
            .Chunks.Keys.Where(k =>
                k.Chain == chain && k.Chunk >= range.Begin && k.Chunk < range.End
            )
            .Select(k => k.Chunk);

    private void Update(in GlobalKey key, Func<byte[], byte[]> change)
    {
        lock (cluster.Chunks)
        {
            var entry = (key.VChainId.ChainId, key.ChunkId);
            cluster.Chunks[entry] = change(cluster.Chunks.GetValueOrDefault(entry) ?? []);
        }
    }

    private Status? Check(VersionedChainId chain)
    {
        if (!cluster.Routing.Chains.TryGetValue(chain.ChainId, out var known))
        {
            return new Status(StatusCode.StorageClientRoutingError, "chain not found");
        }

        return known.ChainVersion == chain.ChainVer
            ? null
            : new Status(StatusCode.StorageClientRoutingVersionMismatch, "version mismatch");
    }
}
