// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Fs.Management;
using DeepInfra.Fs.Metadata;
using DeepInfra.Fs.Storage;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs;

/// <summary>
/// Client of a 3FS cluster over TCP. It speaks the wire protocol of the original servers and needs neither RDMA nor a
/// mounted file system: data travels inside the messages. One client serves a whole process and is thread-safe.
/// <code>
/// await using var client = await ThreeFsClient.ConnectAsync(new ThreeFsClientOptions
/// {
///     ClusterId = "stage",
///     ManagerAddresses = ["10.0.0.1:8000"],
/// });
/// await using var file = await client.OpenAsync("/data/log", FileMode.Create, FileAccess.ReadWrite);
/// await file.WriteAsync(bytes, offset: 0);
/// </code>
/// Failures are reported with the classes of the base library where there is one; their inner exception is a
/// <see cref="ThreeFsException"/> with the status code.
/// </summary>
public sealed partial class ThreeFsClient : IAsyncDisposable
{
    /// <summary>The time value that makes the service take its own clock.</summary>
    internal const long Now = -1;

    private const uint TruncateBatch = 32;

    private readonly ClientContext _context;
    private readonly ConcurrentDictionary<ThreeFsFile, byte> _writing = new();
    private readonly CancellationTokenSource _stopping = new();
    private Task _syncLoop = Task.CompletedTask;
    private int _disposed;

    private ThreeFsClient(ClientContext context)
    {
        _context = context;
        Mgmtd = new MgmtdClient(context);
        Meta = new MetaClient(context, Mgmtd);
        Storage = new StorageClient(context, Mgmtd);
        Admin = new ThreeFsAdminClient(this);
    }

    /// <summary>The settings of the client.</summary>
    public ThreeFsClientOptions Options => _context.Options;

    /// <summary>Nodes, chains and targets of the cluster.</summary>
    public ThreeFsAdminClient Admin { get; }

    internal ClientContext Context => _context;

    internal MgmtdClient Mgmtd { get; }

    internal MetaClient Meta { get; }

    internal StorageClient Storage { get; }

    /// <summary>Connects to a cluster.</summary>
    /// <param name="options">Settings.</param>
    /// <param name="cancellationToken">Gives the attempt up.</param>
    /// <exception cref="ThreeFsException">No manager answers, or they belong to another cluster.</exception>
    public static async ValueTask<ThreeFsClient> ConnectAsync(
        ThreeFsClientOptions options,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(options);
        var client = new ThreeFsClient(new ClientContext(options));
        try
        {
            await client.Mgmtd.StartAsync(cancellationToken).ConfigureAwait(false);
            client._syncLoop = Task.Run(client.SyncLoopAsync, CancellationToken.None);
            return client;
        }
        catch
        {
            await client.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Opens or creates a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="mode">
    /// <see cref="FileMode.Open"/>, <see cref="FileMode.OpenOrCreate"/>, <see cref="FileMode.Create"/> (empties an
    /// existing file), <see cref="FileMode.CreateNew"/>, <see cref="FileMode.Truncate"/>, or
    /// <see cref="FileMode.Append"/>, with which a stream starts at the end. Appending is for one writer at a time.
    /// </param>
    /// <param name="access">Reading, writing or both; everything except opening needs writing.</param>
    /// <param name="options">Details of creation.</param>
    /// <param name="cancellationToken">Gives the operation up; the file may be created nevertheless.</param>
    /// <exception cref="FileNotFoundException">The file or a directory on the way does not exist.</exception>
    /// <exception cref="IOException">The file exists already, or is a directory.</exception>
    /// <exception cref="UnauthorizedAccessException">The user lacks a permission.</exception>
    public async ValueTask<ThreeFsFile> OpenAsync(
        string path,
        FileMode mode,
        FileAccess access,
        ThreeFsOpenOptions? options = null,
        CancellationToken cancellationToken = default
    )
    {
        ThrowIfDisposed();
        var canonical = FileSystemPath.Normalize(path);
        var flags = FlagsFor(mode, access);
        options ??= new ThreeFsOpenOptions();
        var writes = access != FileAccess.Read;
        SessionInfo? session = writes
            ? new SessionInfo { Client = _context.ClientId, Session = Guid.NewGuid() }
            : null;
        var opened = await OpenInodeAsync(canonical, flags, session, options, cancellationToken)
            .ConfigureAwait(false);
        if (!opened.HasValue)
        {
            throw ThreeFsErrors.ToException(opened.Status, "open the file", canonical);
        }

        var (inode, needsTruncate) = opened.Value;
        ThreeFsFile file;
        try
        {
            file = await MakeFileAsync(canonical, inode, session, mode, cancellationToken)
                .ConfigureAwait(false);
        }
        catch
        {
            // As long as its session lives the file is not collected, even if it is removed.
            Meta.EndLater(session);
            throw;
        }

        if (writes)
        {
            _writing.TryAdd(file, 0);
        }

        if (needsTruncate)
        {
            try
            {
                await file.TruncateOnOpenAsync(cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                await file.DisposeAsync().ConfigureAwait(false);
                throw;
            }
        }

        return file;
    }

    /// <summary>Creates an empty batch of reads and writes.</summary>
    /// <param name="capacity">Operations that may be added or in flight.</param>
    public ThreeFsBatch CreateBatch(int capacity = 1024)
    {
        ThrowIfDisposed();
        return new ThreeFsBatch(this, capacity);
    }

    /// <summary>Closes all files and connections.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _stopping.CancelAsync().ConfigureAwait(false);
        await _syncLoop.ConfigureAwait(false);
        try
        {
            // All of them, even if one fails: each close reports a length.
            await Task.WhenAll(_writing.Keys.Select(file => file.DisposeAsync().AsTask()))
                .ConfigureAwait(false);
        }
        finally
        {
            await Meta.DisposeAsync().ConfigureAwait(false);
            await Mgmtd.DisposeAsync().ConfigureAwait(false);
            await _context.DisposeAsync().ConfigureAwait(false);
            Storage.Dispose();
            _stopping.Dispose();
        }
    }

    internal void Forget(ThreeFsFile file) => _writing.TryRemove(file, out _);

    internal static PathAt At(string canonical) => new() { Path = "/" + canonical };

    internal void ThrowIfDisposed() =>
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);

    private async ValueTask<ThreeFsFile> MakeFileAsync(
        string canonical,
        Inode inode,
        SessionInfo? session,
        FileMode mode,
        CancellationToken cancellationToken
    )
    {
        if (inode.Type is not FileInode)
        {
            throw ThreeFsErrors.ToException(
                new Status(StatusCode.MetaIsDirectory),
                "open the file",
                canonical
            );
        }

        var ready = await Meta.WaitForLayoutAsync(inode, cancellationToken).ConfigureAwait(false);
        if (!ready.IsOk)
        {
            throw ThreeFsErrors.ToException(ready, "open the file", canonical);
        }

        if (mode == FileMode.Append)
        {
            inode = await ExactLengthAsync(inode, canonical, cancellationToken)
                .ConfigureAwait(false);
        }

        return new ThreeFsFile(this, canonical, inode, session, mode == FileMode.Append);
    }

    private static OpenFlags FlagsFor(FileMode mode, FileAccess access)
    {
        var flags = access switch
        {
            FileAccess.Read => OpenFlags.ReadOnly,
            FileAccess.Write => OpenFlags.WriteOnly,
            FileAccess.ReadWrite => OpenFlags.ReadWrite,
            _ => throw new ArgumentOutOfRangeException(nameof(access), access, "unknown access"),
        };
        if (access == FileAccess.Read && mode is not (FileMode.Open or FileMode.OpenOrCreate))
        {
            throw new ArgumentException(
                $"access: mode {mode} expects access to write, got {access}",
                nameof(access)
            );
        }

        return flags
            | mode switch
            {
                FileMode.Open => 0,
                FileMode.OpenOrCreate or FileMode.Append => OpenFlags.Create,
                FileMode.Create => OpenFlags.Create | OpenFlags.Truncate,
                FileMode.CreateNew => OpenFlags.Create | OpenFlags.Exclusive,
                FileMode.Truncate => OpenFlags.Truncate,
                _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, "unknown mode"),
            };
    }

    private async ValueTask<Result<(Inode Inode, bool NeedsTruncate)>> OpenInodeAsync(
        string canonical,
        OpenFlags flags,
        SessionInfo? session,
        ThreeFsOpenOptions options,
        CancellationToken cancellationToken
    )
    {
        if ((flags & OpenFlags.Create) != 0)
        {
            var create = new CreateReq
            {
                Path = At(canonical),
                Session = session,
                Flags = flags,
                Perm = (uint)options.CreateMode,
                Layout = options.Layout?.ToWire(),
                RemoveChunksBatchSize = TruncateBatch,
            };
            var created = await Meta.OpenSessionAsync<CreateReq, CreateRsp>(
                    MetaMethod.Create,
                    create,
                    session,
                    mutates: true,
                    cancellationToken
                )
                .ConfigureAwait(false);
            return created.HasValue
                ? (created.Value.Stat, created.Value.NeedTruncate)
                : created.Status;
        }

        var open = new OpenReq
        {
            Path = At(canonical),
            Session = session,
            Flags = flags,
            RemoveChunksBatchSize = TruncateBatch,
        };
        var opened = await Meta.OpenSessionAsync<OpenReq, OpenRsp>(
                MetaMethod.Open,
                open,
                session,
                mutates: false,
                cancellationToken
            )
            .ConfigureAwait(false);
        return opened.HasValue ? (opened.Value.Stat, opened.Value.NeedTruncate) : opened.Status;
    }

    private async ValueTask<Inode> ExactLengthAsync(
        Inode inode,
        string path,
        CancellationToken cancellationToken
    )
    {
        var request = new SyncReq { Inode = inode.Id, UpdateLength = true };
        var result = await Meta.QueryAsync<SyncReq, SyncRsp>(
                MetaMethod.Sync,
                request,
                cancellationToken
            )
            .ConfigureAwait(false);
        return result.HasValue
            ? result.Value.Stat
            : throw ThreeFsErrors.ToException(result.Status, "find the end of the file", path);
    }

    private async Task SyncLoopAsync()
    {
        using var timer = new PeriodicTimer(Options.LengthSyncInterval, Options.TimeProvider);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token).ConfigureAwait(false))
            {
                foreach (var file in _writing.Keys)
                {
                    try
                    {
                        await file.SyncIfDirtyAsync(_stopping.Token).ConfigureAwait(false);
                    }
                    catch (Exception e)
                        when (e is not OperationCanceledException and not OutOfMemoryException)
                    {
                        // The file stays dirty; the next tick, flush or close reports it.
                        FsLog.LengthNotReported(_context.Log, file.Path, e.Message);
                    }
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The client is being disposed.
        }
    }
}
