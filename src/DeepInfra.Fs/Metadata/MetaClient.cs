// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Management;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Metadata;

/// <summary>
/// Client of the metadata service: picks a server, retries what may succeed, and returns the protocol's status codes.
/// Thread-safe.
/// </summary>
internal sealed partial class MetaClient : IAsyncDisposable
{
    private const int MaximumInFlight = 128;
    private static readonly TimeSpan s_layoutWait = TimeSpan.FromSeconds(30);

    private readonly ClientContext _context;
    private readonly MgmtdClient _mgmtd;
    private readonly MetaServerPicker _servers;
    private readonly SemaphoreSlim _inFlight = new(MaximumInFlight, MaximumInFlight);
    private readonly CancellationTokenSource _stopping = new();

    public MetaClient(ClientContext context, MgmtdClient mgmtd)
    {
        _context = context;
        _mgmtd = mgmtd;
        _servers = new MetaServerPicker(context, mgmtd);
        _pruneLoop = Task.Run(PruneLoopAsync);
    }

    /// <summary>Servers that failed and have not answered a probe since.</summary>
    public int FaultyServerCount => _servers.FaultyCount;

    /// <summary>Sends a request that changes nothing.</summary>
    public ValueTask<Result<TRsp>> QueryAsync<TReq, TRsp>(
        ushort method,
        TReq request,
        CancellationToken cancellationToken
    )
        where TReq : MetaRequest, ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new() =>
        ExecuteAsync<TReq, TRsp>(method, request, cancellationToken);

    /// <summary>
    /// Sends a request that changes something. It carries a random id that stays the same for every retry, by which
    /// the service recognises a repetition.
    /// </summary>
    public ValueTask<Result<TRsp>> MutateAsync<TReq, TRsp>(
        ushort method,
        TReq request,
        CancellationToken cancellationToken
    )
        where TReq : MetaRequest, ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new()
    {
        request.Uuid = Guid.NewGuid();
        return ExecuteAsync<TReq, TRsp>(method, request, cancellationToken);
    }

    /// <summary>
    /// Waits until the routing information contains the chain table of a file's layout; OK or
    /// <see cref="StatusCode.MgmtdClientRoutingInfoNotReady"/>.
    /// </summary>
    public async ValueTask<Status> WaitForLayoutAsync(
        Inode inode,
        CancellationToken cancellationToken
    )
    {
        if (inode.Type is not FileInode { Layout: var layout } || layout.TableId == 0)
        {
            return Status.Ok;
        }

        bool Known(RoutingSnapshot routing) =>
            routing.FindTable(layout.TableId, layout.TableVersion) is not null;

        return
            Known(_mgmtd.Routing)
            || await _mgmtd
                .WaitForRoutingAsync(Known, s_layoutWait, cancellationToken)
                .ConfigureAwait(false)
            ? Status.Ok
            : new Status(
                StatusCode.MgmtdClientRoutingInfoNotReady,
                $"chain table {layout.TableId} version {layout.TableVersion} is unknown"
            );
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _pruneLoop.ConfigureAwait(false);
        await _servers.DisposeAsync().ConfigureAwait(false);
        _stopping.Dispose();
    }

    private async ValueTask<Result<TRsp>> ExecuteAsync<TReq, TRsp>(
        ushort method,
        TReq request,
        CancellationToken cancellationToken
    )
        where TReq : MetaRequest, ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new()
    {
        request.User = _context.User;
        request.Client = _context.ClientId;
        var options = _context.Options;
        var start = _context.Time.GetTimestamp();
        var delay = options.MetadataRetryDelay;
        while (true)
        {
            var result = await SendAsync<TReq, TRsp>(method, request, cancellationToken)
                .ConfigureAwait(false);
            var code = result.Status.Code;
            if (result.HasValue || !MetaRetry.IsRetryable(code))
            {
                return result;
            }

            var wait = MetaRetry.IsBusy(code) ? options.MetadataRetryDelay : delay;
            if (_context.Time.GetElapsedTime(start) + wait > options.OperationTimeout)
            {
                FsLog.GaveUp(_context.Log, OperationName<TReq>.Value, result.Status);
                return result;
            }

            FsLog.Retry(
                _context.Log,
                OperationName<TReq>.Value,
                wait.TotalMilliseconds,
                result.Status
            );
            FsMetrics.Retries.Add(1, new KeyValuePair<string, object?>("code", (int)code));
            await Task.Delay(wait, _context.Time, cancellationToken).ConfigureAwait(false);
            if (!MetaRetry.IsBusy(code))
            {
                delay = TimeSpan.FromTicks(
                    Math.Min(delay.Ticks * 2, options.MetadataRetryDelay.Ticks * 10)
                );
            }
        }
    }

    private async ValueTask<Result<TRsp>> SendAsync<TReq, TRsp>(
        ushort method,
        TReq request,
        CancellationToken cancellationToken
    )
        where TReq : MetaRequest, ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new()
    {
        if (_servers.Pick() is not { } server)
        {
            await _mgmtd.TryRefreshRoutingAsync(cancellationToken).ConfigureAwait(false);
            if (_servers.Pick() is not { } found)
            {
                return new Status(
                    StatusCode.MgmtdClientMetaServiceNotAvailable,
                    "the routing information names no metadata server that takes requests"
                );
            }

            server = found;
        }

        await _inFlight.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var result = await _context
                .Rpc.CallAsync<TReq, TRsp>(
                    server.Address,
                    ServiceId.Meta,
                    method,
                    request,
                    _context.Options.MetadataTimeout,
                    cancellationToken: cancellationToken
                )
                .ConfigureAwait(false);
            if (!result.HasValue && MetaRetry.IsServerFault(result.Status.Code))
            {
                _servers.ReportFault(server.NodeId, result.Status);
                // The server may have come back at another address.
                await _mgmtd.TryRefreshRoutingAsync(cancellationToken).ConfigureAwait(false);
            }

            return result;
        }
        finally
        {
            _inFlight.Release();
        }
    }
}
