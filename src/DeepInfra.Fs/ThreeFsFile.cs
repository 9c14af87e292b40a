// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Metadata;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs;

/// <summary>
/// An open file of a 3FS cluster. Data goes to and from the storage servers directly; the metadata service learns the
/// length when the file is flushed or closed, and at intervals in between. Safe for concurrent reads and for
/// concurrent writes that do not overlap. A cancelled write may still take effect.
/// </summary>
public sealed partial class ThreeFsFile : FileHandle
{
    /// <summary>Value of the <c>backend</c> tag of 3FS measurements.</summary>
    internal const string BackendName = "3fs";

    private readonly ThreeFsClient _client;
    private readonly FileLayout _layout;
    private readonly SessionInfo? _session;
    private readonly long _streamStart;

    internal ThreeFsFile(
        ThreeFsClient client,
        string path,
        Inode inode,
        SessionInfo? session,
        bool startAtEnd
    )
        : base(path, session is not null, BackendName)
    {
        _client = client;
        _session = session;
        InodeId = inode.Id;
        var body = (FileInode)inode.Type;
        _layout = FileLayout.Create(
            body.Layout,
            client.Options.LegacyShuffle ? ShuffleMethod.Gcc10 : ShuffleMethod.Gcc11
        );
        Adopt(inode);
        _streamStart = startAtEnd ? Math.Max(_knownLength, 0) : 0;
    }

    /// <summary>Id of the file's inode.</summary>
    public ulong InodeId { get; }

    /// <summary>How the file is spread over the cluster.</summary>
    public ThreeFsLayout Layout => ThreeFsLayout.FromWire(_layout.Wire);

    /// <inheritdoc/>
    public override long Length => EffectiveLength;

    private protected override long StreamStart => _streamStart;

    /// <summary>
    /// Makes the service determine the length from the storage servers, which is exact even when several clients
    /// write, at the cost of one request per chain of the file.
    /// </summary>
    /// <param name="cancellationToken">Gives the operation up.</param>
    /// <exception cref="InvalidOperationException">The file was opened for reading.</exception>
    public async ValueTask FsyncAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        if (!CanWrite)
        {
            throw new InvalidOperationException($"'{Path}' was opened for reading");
        }

        await SyncAsync(exact: true, truncated: false, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Reports the length if data was written since the last report; for the client's interval timer.</summary>
    internal async ValueTask SyncIfDirtyAsync(CancellationToken cancellationToken)
    {
        if (CanWrite)
        {
            await FlushCoreAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private protected override async ValueTask FlushCoreAsync(CancellationToken cancellationToken)
    {
        // Behind a report that is on its way: it may carry what was written, but has not arrived yet.
        await _reports.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (IsDirty)
            {
                await ReportAsync(exact: false, truncated: false, cancellationToken)
                    .ConfigureAwait(false);
            }
        }
        finally
        {
            _reports.Release();
        }
    }

    private protected override async ValueTask CloseCoreAsync()
    {
        if (_session is null)
        {
            return;
        }

        _client.Forget(this);
        // A report that fails meanwhile leaves the length to this request.
        await _reports.WaitAsync().ConfigureAwait(false);
        var dirty = IsDirty;
        _reports.Release();
        var request = new CloseReq
        {
            Inode = InodeId,
            Session = _session,
            UpdateLength = dirty,
            Mtime = dirty ? ThreeFsClient.Now : null,
            LengthHint = dirty ? Hint() : null,
        };
        var result = await _client
            .Meta.CloseAsync(request, CancellationToken.None)
            .ConfigureAwait(false);
        if (!result.HasValue)
        {
            throw ThreeFsErrors.ToException(result.Status, "close the file", Path);
        }
    }
}
