// SPDX-License-Identifier: MIT
using System.Globalization;
using DeepInfra.Fs.Cluster.Faults;
using DeepInfra.Fs.Cluster.KeyValue;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Metadata;

/// <summary>
/// Takes removed files and directories apart. Each step is one transaction, so the collector may be
/// stopped at any moment and goes on where it was.
/// </summary>
internal sealed class GarbageCollector(
    KeyValueStore store,
    Func<RoutingInfo> routing,
    IChunkOperations chunks,
    TimeSpan delay,
    MetadataService metadata,
    NodeClock clock
)
{
    private const int Page = 256;
    private const uint ChunksPerCall = 64;

    private readonly LayoutAllocator _layouts = new(routing);

    /// <summary>One round over what waits; returns the number of inodes that were finished.</summary>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        var finished = 0;
        var previous = "";
        while (true)
        {
            var page = store.Read(t =>
                t.Scan(MetaKeys.EntriesAfter(MetaKeys.GcRoot, previous), Page, false)
                    .ConvertAll(e => Serde.Read<DirEntry>(e.Value))
            );
            foreach (var entry in page)
            {
                cancellationToken.ThrowIfCancellationRequested();
                finished += await CollectAsync(entry, cancellationToken).ConfigureAwait(false)
                    ? 1
                    : 0;
            }
            if (page.Count < Page)
            {
                ClusterMetrics.Collected.Add(finished);
                return finished;
            }
            previous = page[^1].Name;
        }
    }

    private async Task<bool> CollectAsync(DirEntry entry, CancellationToken ct)
    {
        try
        {
            if (entry.Type == InodeType.Directory)
            {
                return await CollectDirectoryAsync(entry, ct).ConfigureAwait(false);
            }
            var removed = long.Parse(
                entry.Name.AsSpan(0, 16),
                NumberStyles.AllowHexSpecifier,
                CultureInfo.InvariantCulture
            );
            return removed <= clock.Now() - (long)delay.TotalMicroseconds
                && await CollectFileAsync(entry, ct).ConfigureAwait(false);
        }
        catch (Exception e) when (ServiceMapping.StatusOf(e) is not null)
        {
            // A chain is down, or others change the directory. The entry waits for the next round, and those
            // behind it do not wait for it.
            return false;
        }
    }

    private async Task<bool> CollectFileAsync(DirEntry entry, CancellationToken ct)
    {
        var inode = store.Read(t =>
            t.Scan(MetaKeys.Sessions(entry.Id), 1, false).Count > 0
                ? null
                : new MetaView(t).PeekInode(entry.Id)
        );
        if (inode is null)
        {
            return false;
        }
        if (inode.Type is FileInode file)
        {
            foreach (var chain in _layouts.ChainsOf(file))
            {
                while (
                    await chunks
                        .RemoveChunksAsync(chain, inode.Id, ChunksPerCall, ct)
                        .ConfigureAwait(false)
                )
                {
                    ct.ThrowIfCancellationRequested();
                }
            }
        }
        return await store
            .WriteAsync(
                t =>
                {
                    var view = new MetaView(t);
                    if (view.FindInode(entry.Id) is { Nlink: > 0 } named)
                    {
                        throw new ServiceException(
                            StatusCode.MetaInconsistent,
                            $"inode {entry.Id:x} waits for the collector and has {named.Nlink} names"
                        );
                    }
                    view.DeleteInode(entry.Id);
                    view.DeleteEntry(MetaKeys.GcRoot, entry.Name);
                    return true;
                },
                ct
            )
            .ConfigureAwait(false);
    }

    private async Task<bool> CollectDirectoryAsync(DirEntry entry, CancellationToken ct)
    {
        while (true)
        {
            var left = await store
                .WriteAsync(t => TakeApart(new MetaView(t), entry), ct)
                .ConfigureAwait(false);
            if (!left)
            {
                return true;
            }
            ct.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Moves one page of a removed directory's children to the collector; false when it is gone.</summary>
    private bool TakeApart(MetaView view, DirEntry entry)
    {
        var children = view.Transaction.Scan(MetaKeys.Entries(entry.Id), Page);
        var user = entry.GcInfo?.User ?? 0;
        foreach (var (_, value) in children)
        {
            var child = Serde.Read<DirEntry>(value);
            view.DeleteEntry(entry.Id, child.Name);
            if (view.FindInode(child.Id) is { } inode)
            {
                metadata.Discard(view, inode, $"{entry.GcInfo?.OrigPath}/{child.Name}", user);
            }
        }
        if (children.Count == Page)
        {
            return true;
        }
        view.DeleteInode(entry.Id);
        view.DeleteEntry(MetaKeys.GcRoot, entry.Name);
        return false;
    }
}
