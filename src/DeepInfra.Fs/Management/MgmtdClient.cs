// SPDX-License-Identifier: MIT
using System.Globalization;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Management;

/// <summary>
/// Client of the cluster manager: finds the primary, keeps the routing information current and the client's session
/// alive. Thread-safe.
/// </summary>
internal sealed partial class MgmtdClient : IAsyncDisposable
{
    private const int MaximumHops = 3;

    private readonly ClientContext _context;
    private readonly NodeAddress[] _configured;
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _refreshLock = new(1, 1);

    // Boxed, because tasks read it while another one changes it.
    private volatile object? _primary;
    private RoutingSnapshot _routing = RoutingSnapshot.Empty;
    private TaskCompletionSource _routingChanged = NewSignal();
    private Task _backgroundLoop = Task.CompletedTask;

    public MgmtdClient(ClientContext context)
    {
        _context = context;
        _configured =
        [
            .. context.Options.ManagerAddresses.Select(a =>
                NodeAddress.TryParse(a, out var address) ? address.AsTcp() : default
            ),
        ];
        _sessionData = NewSessionData(context);
    }

    /// <summary>The newest routing information.</summary>
    public RoutingSnapshot Routing => Volatile.Read(ref _routing);

    /// <summary>Connects, loads the routing information, opens the session and starts the background loop.</summary>
    /// <exception cref="ThreeFsException">No manager answers or they refuse this client.</exception>
    public async ValueTask StartAsync(CancellationToken cancellationToken)
    {
        await RefreshRoutingAsync(cancellationToken).ConfigureAwait(false);
        var session = await ExtendSessionAsync(cancellationToken).ConfigureAwait(false);
        if (!session.IsOk)
        {
            throw Failure(session, "cannot open a client session");
        }

        _backgroundLoop = Task.Run(BackgroundLoopAsync, CancellationToken.None);
    }

    /// <summary>Asks for newer routing information; concurrent calls share one request.</summary>
    /// <returns>True when the version changed.</returns>
    /// <exception cref="ThreeFsException">No manager answers.</exception>
    public async ValueTask<bool> RefreshRoutingAsync(CancellationToken cancellationToken)
    {
        var before = Routing;
        await _refreshLock.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (!ReferenceEquals(before, Routing))
            {
                // Somebody else's refresh finished while this one waited.
                return true;
            }

            var request = new GetRoutingInfoReq { RoutingInfoVersion = before.Version };
            var result = await CallAsync<GetRoutingInfoReq, GetRoutingInfoRsp>(
                    MgmtdMethod.GetRoutingInfo,
                    request,
                    cancellationToken
                )
                .ConfigureAwait(false);
            if (!result.HasValue)
            {
                throw Failure(result.Status, "cannot get routing information");
            }

            if (result.Value.Info is not { } info)
            {
                return false;
            }

            if (info.RoutingInfoVersion < before.Version)
            {
                throw new ThreeFsException(
                    StatusCode.MgmtdInvalidRoutingInfoVersion,
                    $"the manager went back from routing version {before.Version} to {info.RoutingInfoVersion}"
                );
            }

            var next = new RoutingSnapshot(info);
            RoutingLog.Changed(_context.Log, before, next);
            Volatile.Write(ref _routing, next);
            Interlocked.Exchange(ref _routingChanged, NewSignal()).TrySetResult();
            return true;
        }
        finally
        {
            _refreshLock.Release();
        }
    }

    /// <summary>
    /// Refreshes without failing: for callers that are about to retry anyway. True when the version changed.
    /// </summary>
    public async ValueTask<bool> TryRefreshRoutingAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await RefreshRoutingAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (ThreeFsException e)
        {
            FsLog.RoutingNotRenewed(_context.Log, e.Message);
            return false;
        }
    }

    /// <summary>Waits until the routing information satisfies a condition, asking once a second.</summary>
    /// <returns>False when it did not within the limit.</returns>
    public async ValueTask<bool> WaitForRoutingAsync(
        Func<RoutingSnapshot, bool> condition,
        TimeSpan limit,
        CancellationToken cancellationToken
    )
    {
        var start = _context.Time.GetTimestamp();
        while (!condition(Routing))
        {
            if (_context.Time.GetElapsedTime(start) > limit)
            {
                return false;
            }

            var changed = Volatile.Read(ref _routingChanged).Task;
            if (!await TryRefreshRoutingAsync(cancellationToken).ConfigureAwait(false))
            {
                var delay = Task.Delay(TimeSpan.FromSeconds(1), _context.Time, cancellationToken);
                await Task.WhenAny(changed, delay).ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
            }
        }

        return true;
    }

    /// <summary>Calls a method of the primary, looking for it when it is unknown or has moved; one retry.</summary>
    public async ValueTask<Result<TRsp>> CallAsync<TReq, TRsp>(
        ushort method,
        TReq request,
        CancellationToken cancellationToken
    )
        where TReq : class, IMgmtdRequest, ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new()
    {
        request.Prepare(_context.Options.ClusterId, _context.User);
        Result<TRsp> result = new Status(StatusCode.MgmtdClientPrimaryMgmtdNotFound);
        for (var attempt = 0; attempt < 2; attempt++)
        {
            var primary = await FindPrimaryAsync(cancellationToken).ConfigureAwait(false);
            if (!primary.HasValue)
            {
                return primary.Status;
            }

            result = await SendAsync<TReq, TRsp>(primary.Value, method, request, cancellationToken)
                .ConfigureAwait(false);
            var code = result.Status.Code;
            if (code != StatusCode.MgmtdNotPrimary && !IsTransport(code))
            {
                break;
            }

            _primary =
                code == StatusCode.MgmtdNotPrimary ? AddressFromHint(result.Status) : (object?)null;
        }

        return result;
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _backgroundLoop.ConfigureAwait(false);
        _stopping.Dispose();
    }

    private static bool IsTransport(StatusCode code) =>
        (int)code / 1000 == 2 && code != StatusCode.RpcInvalidMethodId;

    private static TaskCompletionSource NewSignal() =>
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ThreeFsException Failure(Status status, string what) =>
        new(
            status.Code,
            $"{what}: {status.Message ?? status.Code.ToString()}",
            hint: status.Code == StatusCode.MgmtdClusterIdMismatch
                ? $"the cluster's id is not '{_context.Options.ClusterId}'"
                : $"managers asked: {string.Join(", ", _configured)}"
        );

    private ValueTask<Result<TRsp>> SendAsync<TReq, TRsp>(
        NodeAddress address,
        ushort method,
        TReq request,
        CancellationToken cancellationToken
    )
        where TReq : ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new() =>
        _context.Rpc.CallAsync<TReq, TRsp>(
            address,
            ServiceId.Mgmtd,
            method,
            request,
            _context.Options.ManagerTimeout,
            cancellationToken: cancellationToken
        );

    private async ValueTask<Result<NodeAddress>> FindPrimaryAsync(
        CancellationToken cancellationToken
    )
    {
        if (_primary is NodeAddress known)
        {
            return known;
        }

        var last = new Status(StatusCode.MgmtdClientPrimaryMgmtdNotFound);
        foreach (var candidate in Candidates())
        {
            NodeAddress? next = candidate;
            for (var hop = 0; hop < MaximumHops && next is { } address; hop++)
            {
                var request = new GetPrimaryMgmtdReq();
                ((IMgmtdRequest)request).Prepare(_context.Options.ClusterId, _context.User);
                var result = await SendAsync<GetPrimaryMgmtdReq, GetPrimaryMgmtdRsp>(
                        address,
                        MgmtdMethod.GetPrimaryMgmtd,
                        request,
                        cancellationToken
                    )
                    .ConfigureAwait(false);
                if (!result.HasValue)
                {
                    last = result.Status;
                    next = last.Code == StatusCode.MgmtdNotPrimary ? AddressFromHint(last) : null;
                    continue;
                }

                if (result.Value.Primary is not { } primary)
                {
                    break;
                }

                var found = RoutingSnapshot.AddressOf(primary.ServiceGroups, ServiceName.Mgmtd);
                if (found is { } where)
                {
                    _primary = where;
                    return where;
                }

                break;
            }
        }

        return last.Code == StatusCode.MgmtdClusterIdMismatch
            ? last
            : new Status(
                StatusCode.MgmtdClientPrimaryMgmtdNotFound,
                $"no manager names a primary; last answer: {last}"
            );
    }

    private IEnumerable<NodeAddress> Candidates()
    {
        var known = Routing
            .Nodes.Values.Where(n => n.Type == NodeType.Mgmtd)
            .SelectMany(n => n.App.ServiceGroups.Where(g => g.Services.Contains(ServiceName.Mgmtd)))
            .SelectMany(g => g.Endpoints)
            .Select(e => e.AsTcp());
        return _configured.Concat(known).Distinct();
    }

    /// <summary>A secondary names the primary's node id in the message of its refusal.</summary>
    private NodeAddress? AddressFromHint(Status status)
    {
        var digits = new string([
            .. (status.Message ?? "")
                .SkipWhile(c => !char.IsAsciiDigit(c))
                .TakeWhile(char.IsAsciiDigit),
        ]);
        return
            uint.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            && Routing.FindNode(id) is { } node
            ? RoutingSnapshot.AddressOf(node.App.ServiceGroups, ServiceName.Mgmtd)
            : null;
    }
}
