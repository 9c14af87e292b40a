// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Storage;

/// <summary>
/// The last update of one channel, as the index keeps it. It is written in the same batch as the chunk record
/// of the update, so there is never one without the other.
/// </summary>
internal sealed class UpdateNote : ISerdeStruct<UpdateNote>
{
    /// <summary>Sequence number that the request began with.</summary>
    public ulong Sequence;

    /// <summary>Request that it belongs to.</summary>
    public ulong RequestId;

    /// <summary>Wall time of the node, microseconds since the Unix epoch.</summary>
    public long Time;

    /// <summary>The answer to a write, truncation or extension.</summary>
    public IOResult? Update;

    /// <summary>The answer to a removal, or what it had done so far.</summary>
    public RemoveChunksResult? Removal;

    /// <summary>The chunk that a removal took last, while it was not finished.</summary>
    public ChunkId? RemovedLast;

    /// <inheritdoc/>
    public static string WireName => "UpdateNote";

    /// <inheritdoc/>
    public static void Visit<TVisitor>(ref TVisitor v, ref UpdateNote x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("sequence", ref x.Sequence);
        v.Number("requestId", ref x.RequestId);
        v.Number("time", ref x.Time);
        v.Field("update", ref x.Update, default(OptionalValue<IOResult, StructOf<IOResult>>));
        v.Field(
            "removal",
            ref x.Removal,
            default(OptionalValue<RemoveChunksResult, StructOf<RemoveChunksResult>>)
        );
        v.Field("removedLast", ref x.RemovedLast, default(OptionalValue<ChunkId, ChunkIdCodec>));
        v.EndTable(table);
    }
}
