// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.KeyValue;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Metadata;

/// <summary>Inodes and entries inside one transaction.</summary>
internal readonly struct MetaView(KeyValueTransaction transaction)
{
    /// <summary>The transaction.</summary>
    public KeyValueTransaction Transaction { get; } = transaction;

    /// <summary>The inode; a later change by others is a conflict.</summary>
    /// <exception cref="ServiceException">There is none (3000).</exception>
    public Inode Inode(ulong id) => FindInode(id) ?? throw NotFound($"inode {id:x}");

    /// <summary>The inode or null; a later change by others is a conflict.</summary>
    public Inode? FindInode(ulong id) => Decode(Transaction.Get(MetaKeys.Inode(id)));

    /// <summary>The inode as of the snapshot; later changes by others do not matter.</summary>
    public Inode? PeekInode(ulong id) => Decode(Transaction.GetWithoutConflict(MetaKeys.Inode(id)));

    /// <summary>The entry or null; a later change by others is a conflict.</summary>
    public DirEntry? FindEntry(ulong parent, string name) =>
        Transaction.Get(MetaKeys.Entry(parent, name)) is { } bytes
            ? Serde.Read<DirEntry>(bytes)
            : null;

    /// <summary>The entry as of the snapshot; later changes by others do not matter.</summary>
    public DirEntry? PeekEntry(ulong parent, string name) =>
        Transaction.GetWithoutConflict(MetaKeys.Entry(parent, name)) is { } bytes
            ? Serde.Read<DirEntry>(bytes)
            : null;

    /// <summary>Whether the directory has no entries; a new one by others is a conflict.</summary>
    public bool IsEmpty(ulong directory) => Transaction.IsEmpty(MetaKeys.Entries(directory));

    /// <summary>Writes an inode.</summary>
    public void Put(Inode inode) => Transaction.Put(MetaKeys.Inode(inode.Id), Serde.ToArray(inode));

    /// <summary>Writes an entry.</summary>
    public void Put(DirEntry entry) =>
        Transaction.Put(MetaKeys.Entry(entry.Parent, entry.Name), Serde.ToArray(entry));

    /// <summary>Deletes an inode.</summary>
    public void DeleteInode(ulong id) => Transaction.Delete(MetaKeys.Inode(id));

    /// <summary>Deletes an entry.</summary>
    public void DeleteEntry(ulong parent, string name) =>
        Transaction.Delete(MetaKeys.Entry(parent, name));

    /// <summary>Error 3000.</summary>
    public static ServiceException NotFound(string what) =>
        new(StatusCode.MetaNotFound, $"{what} not found");

    private static Inode? Decode(byte[]? bytes) => bytes is null ? null : Serde.Read<Inode>(bytes);
}
