// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Metadata;

internal sealed partial class MetadataService
{
    private const int DefaultListLimit = 128;

    // Keeps an answer far below the limit of a frame; the caller is told that there is more.
    private const int MaxListLimit = 16_384;

    private void MapReads(RpcService service) =>
        service
            .On<StatFsReq, StatFsRsp>(MetaMethod.StatFs, "statFs", StatFs)
            .On<StatReq, StatRsp>(MetaMethod.Stat, "stat", Stat)
            .On<BatchStatReq, BatchStatRsp>(MetaMethod.BatchStat, "batchStat", BatchStat)
            .On<BatchStatByPathReq, BatchStatByPathRsp>(
                MetaMethod.BatchStatByPath,
                "batchStatByPath",
                BatchStatByPath
            )
            .On<ListReq, ListRsp>(MetaMethod.List, "list", List)
            .On<GetRealPathReq, GetRealPathRsp>(MetaMethod.GetRealPath, "getRealPath", GetRealPath)
            .On<AuthReq, AuthRsp>(
                MetaMethod.Authenticate,
                "authenticate",
                r => new AuthRsp { User = r.User }
            )
            // Users are believed, so there is no cache of them to drop.
            .On<DropUserCacheReq, DropUserCacheRsp>(
                MetaMethod.DropUserCache,
                "dropUserCache",
                _ => new DropUserCacheRsp()
            )
            .On<TestRpcReq, TestRpcRsp>(MetaMethod.TestRpc, "testRpc", TestRpc);

    private static bool Follows(AtFlags flags) =>
        (flags & AtFlags.SymlinkFollow) != 0 && (flags & AtFlags.SymlinkNoFollow) == 0;

    private StatFsRsp StatFs(StatFsReq request)
    {
        var (capacity, free) = _chunks.Space();
        return new StatFsRsp
        {
            Capacity = capacity,
            Used = capacity - Math.Min(capacity, free),
            Free = free,
        };
    }

    private StatRsp Stat(StatReq request) =>
        _store.Read(t =>
        {
            var resolver = new PathResolver(new MetaView(t), request.User);
            return new StatRsp
            {
                Stat = resolver.Resolve(request.Path, Follows(request.Flags)).Existing,
            };
        });

    private BatchStatRsp BatchStat(BatchStatReq request) =>
        _store.Read(t =>
        {
            var view = new MetaView(t);
            return new BatchStatRsp { Inodes = request.InodeIds.ConvertAll(view.PeekInode) };
        });

    private BatchStatByPathRsp BatchStatByPath(BatchStatByPathReq request) =>
        _store.Read(t =>
        {
            var resolver = new PathResolver(new MetaView(t), request.User);
            var response = new BatchStatByPathRsp();
            foreach (var path in request.Paths)
            {
                try
                {
                    response.Inodes.Add(resolver.Resolve(path, Follows(request.Flags)).Existing);
                }
                catch (ServiceException e)
                {
                    response.Inodes.Add(e.Status);
                }
            }
            return response;
        });

    private ListRsp List(ListReq request) =>
        _store.Read(t =>
        {
            var view = new MetaView(t);
            var directory = new PathResolver(view, request.User)
                .Resolve(request.Path, true)
                .Existing;
            if (directory.Type is not DirectoryInode)
            {
                throw new ServiceException(
                    StatusCode.MetaNotDirectory,
                    $"'{request.Path.Path}' is not a directory"
                );
            }
            Access.Check(directory.Acl, request.User, Access.Read);
            var limit =
                request.Limit <= 0 ? DefaultListLimit : Math.Min(request.Limit, MaxListLimit);
            var found = t.Scan(MetaKeys.EntriesAfter(directory.Id, request.Prev), limit + 1, false);
            var response = new ListRsp { More = found.Count > limit };
            foreach (var (_, value) in found.Take(limit))
            {
                var entry = Serde.Read<DirEntry>(value);
                response.Entries.Add(entry);
                if (request.Status)
                {
                    response.Inodes.Add(
                        view.PeekInode(entry.Id)
                            ?? throw new ServiceException(
                                StatusCode.MetaInconsistent,
                                $"entry '{entry.Name}' names inode {entry.Id:x}, which does not exist"
                            )
                    );
                }
            }
            return response;
        });

    private GetRealPathRsp GetRealPath(GetRealPathReq request) =>
        _store.Read(t =>
        {
            var view = new MetaView(t);
            var resolved = new PathResolver(view, request.User).Resolve(request.Path, true);
            var inode = resolved.Existing;
            string path;
            if (inode.Type is DirectoryInode)
            {
                path = PathResolver.AbsolutePath(view, inode);
            }
            else if (resolved.Name.Length == 0)
            {
                throw new ServiceException(
                    StatusCode.MetaNotDirectory,
                    "the path of a file is not known from its inode"
                );
            }
            else
            {
                path =
                    PathResolver.AbsolutePath(view, resolved.Parent).TrimEnd('/')
                    + "/"
                    + resolved.Name;
            }
            return new GetRealPathRsp { Path = Relative(view, request, path) };
        });

    /// <summary>A relative path that stays below its start comes back relative unless the absolute one is wanted.</summary>
    private static string Relative(MetaView view, GetRealPathReq request, string path)
    {
        if (
            request.Absolute
            || request.Path.Path?.StartsWith('/') == true
            || request.Path.Parent == MetaKeys.Root
        )
        {
            return path;
        }
        var start = PathResolver.AbsolutePath(view, view.Inode(request.Path.Parent)) + "/";
        return path.StartsWith(start, StringComparison.Ordinal) ? path[start.Length..] : path;
    }

    private TestRpcRsp TestRpc(TestRpcReq request) =>
        new() { Stat = new Inode { Type = new FileInode() } };
}
