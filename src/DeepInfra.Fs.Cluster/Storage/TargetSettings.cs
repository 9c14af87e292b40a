// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Storage;

/// <summary>Settings of one target as they are stored in the node's index.</summary>
internal sealed class TargetSettings : ISerdeStruct<TargetSettings>
{
    /// <summary>Target id.</summary>
    public ulong TargetId;

    /// <summary>Chain that the target belongs to.</summary>
    public uint ChainId;

    /// <summary>Disk of the node.</summary>
    public uint DiskIndex;

    /// <summary>Data files per block size.</summary>
    public uint FileCount;

    /// <summary>Chunk sizes that clients may use, in bytes.</summary>
    public List<ulong> ChunkSizes = [];

    /// <summary>An operator took the target offline.</summary>
    public bool Offline;

    /// <inheritdoc/>
    public static string WireName => "TargetSettings";

    /// <inheritdoc/>
    public static void Visit<TVisitor>(ref TVisitor v, ref TargetSettings x)
        where TVisitor : struct, ISerdeVisitor, allows ref struct
    {
        var table = v.BeginTable();
        v.Number("targetId", ref x.TargetId);
        v.Number("chainId", ref x.ChainId);
        v.Number("diskIndex", ref x.DiskIndex);
        v.Number("fileCount", ref x.FileCount);
        v.Field("chunkSizes", ref x.ChunkSizes, default(ListOf<ulong, Scalar<ulong>>));
        v.Number("offline", ref x.Offline);
        v.EndTable(table);
    }
}
