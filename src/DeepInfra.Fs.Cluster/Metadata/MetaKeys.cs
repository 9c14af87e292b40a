// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using DeepInfra.Fs.Cluster.KeyValue;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Metadata;

/// <summary>Keys of the metadata store.</summary>
internal static class MetaKeys
{
    /// <summary>Inode of the root directory.</summary>
    public const ulong Root = 0;

    /// <summary>Inode under which removed inodes wait for the collector.</summary>
    public const ulong GcRoot = 1;

    /// <summary>First id given to a new inode.</summary>
    public const ulong FirstInode = 0x1000;

    /// <summary>Longest name in bytes.</summary>
    public const int MaxNameBytes = 255;

    /// <summary>The counter of inode ids.</summary>
    public static byte[] InodeCounter { get; } = [.. "SINGinode-id"u8];

    /// <summary>All file sessions.</summary>
    public static KeyRange AllSessions { get; } = KeyRange.OfPrefix("INOS"u8);

    /// <summary>All records of requests already answered.</summary>
    public static KeyRange AllIdempotent { get; } = KeyRange.OfPrefix("IDEM"u8);

    /// <summary>An inode.</summary>
    public static byte[] Inode(ulong id) => WithId("INOD"u8, id, 0);

    /// <summary>An entry of a directory.</summary>
    public static byte[] Entry(ulong parent, string name)
    {
        var key = WithId("DENT"u8, parent, SerdeText.GetByteCount(name));
        SerdeText.Encode(name, key.AsSpan(12));
        return key;
    }

    /// <summary>All entries of a directory.</summary>
    public static KeyRange Entries(ulong parent)
    {
        var begin = WithId("DENT"u8, parent, 0);
        return KeyRange.OfPrefix(begin);
    }

    /// <summary>The entries of a directory after a name.</summary>
    public static KeyRange EntriesAfter(ulong parent, string previous)
    {
        var all = Entries(parent);
        return previous.Length == 0 ? all : all with { Begin = [.. Entry(parent, previous), 0] };
    }

    /// <summary>A session of a file.</summary>
    public static byte[] Session(ulong inode, Guid session)
    {
        var key = WithId("INOS"u8, inode, 16);
        session.TryWriteBytes(key.AsSpan(12), bigEndian: true, out _);
        return key;
    }

    /// <summary>All sessions of a file.</summary>
    public static KeyRange Sessions(ulong inode) => KeyRange.OfPrefix(WithId("INOS"u8, inode, 0));

    /// <summary>The inode and the session id inside a session key.</summary>
    public static (ulong Inode, Guid Session) ParseSession(byte[] key) =>
        (
            BinaryPrimitives.ReadUInt64LittleEndian(key.AsSpan(4)),
            new Guid(key.AsSpan(12), bigEndian: true)
        );

    /// <summary>The result of a request that a client may repeat.</summary>
    public static byte[] Idempotent(Guid request, Guid client)
    {
        var key = new byte[36];
        "IDEM"u8.CopyTo(key);
        request.TryWriteBytes(key.AsSpan(4), bigEndian: true, out _);
        client.TryWriteBytes(key.AsSpan(20), bigEndian: true, out _);
        return key;
    }

    private static byte[] WithId(ReadOnlySpan<byte> prefix, ulong id, int extra)
    {
        var key = new byte[12 + extra];
        prefix.CopyTo(key);
        BinaryPrimitives.WriteUInt64LittleEndian(key.AsSpan(4), id);
        return key;
    }
}
