// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Metadata;

internal sealed partial class MetaClient
{
    private const int PruneBatch = 128;
    private static readonly TimeSpan s_pruneInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_closeRetryFirst = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_closeRetryLast = TimeSpan.FromSeconds(10);

    private readonly ConcurrentQueue<Guid> _lostSessions = new();
    private readonly Task _pruneLoop;

    /// <summary>Sessions that wait for being pruned.</summary>
    public int LostSessionCount => _lostSessions.Count;

    /// <summary>Opens or creates with a session; a session that may be left behind by a failure is pruned later.</summary>
    public async ValueTask<Result<TRsp>> OpenSessionAsync<TReq, TRsp>(
        ushort method,
        TReq request,
        SessionInfo? session,
        bool mutates,
        CancellationToken cancellationToken
    )
        where TReq : MetaRequest, ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new()
    {
        try
        {
            var result = mutates
                ? await MutateAsync<TReq, TRsp>(method, request, cancellationToken)
                    .ConfigureAwait(false)
                : await QueryAsync<TReq, TRsp>(method, request, cancellationToken)
                    .ConfigureAwait(false);
            if (
                session is { } opened
                && !result.HasValue
                && MetaRetry.MayHaveOpenedSession(result.Status.Code)
            )
            {
                _lostSessions.Enqueue(opened.Session);
            }

            return result;
        }
        catch (OperationCanceledException) when (session is not null)
        {
            _lostSessions.Enqueue(session.Value.Session);
            throw;
        }
    }

    /// <summary>Ends a session whose file was never handed out, with the next batch of lost ones.</summary>
    public void EndLater(SessionInfo? session)
    {
        if (session is { } opened)
        {
            _lostSessions.Enqueue(opened.Session);
        }
    }

    /// <summary>
    /// Closes a session. When that fails for a reason that may pass, the close goes on in the background and the
    /// status is reported all the same.
    /// </summary>
    public async ValueTask<Result<CloseRsp>> CloseAsync(
        CloseReq request,
        CancellationToken cancellationToken
    )
    {
        var result = await QueryAsync<CloseReq, CloseRsp>(
                MetaMethod.Close,
                request,
                cancellationToken
            )
            .ConfigureAwait(false);
        if (!result.HasValue && MetaRetry.IsRetryable(result.Status.Code))
        {
            FsLog.CloseGoesOn(_context.Log, request.Inode, result.Status);
            _ = CloseInBackgroundAsync(request);
        }

        return result;
    }

    private async Task CloseInBackgroundAsync(CloseReq request)
    {
        var delay = s_closeRetryFirst;
        try
        {
            while (true)
            {
                await Task.Delay(delay, _context.Time, _stopping.Token).ConfigureAwait(false);
                var result = await SendAsync<CloseReq, CloseRsp>(
                        MetaMethod.Close,
                        request,
                        _stopping.Token
                    )
                    .ConfigureAwait(false);
                if (result.HasValue || !MetaRetry.IsRetryable(result.Status.Code))
                {
                    return;
                }

                delay = TimeSpan.FromTicks(Math.Min(delay.Ticks * 2, s_closeRetryLast.Ticks));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // The session ends with the client's own session.
        }
    }

    private async Task PruneLoopAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(s_pruneInterval, _context.Time, _stopping.Token)
                    .ConfigureAwait(false);
                try
                {
                    while (
                        !_lostSessions.IsEmpty
                        && await TryPruneAsync(_stopping.Token).ConfigureAwait(false)
                    ) { }
                }
                catch (Exception e)
                    when (e is not (OperationCanceledException or ObjectDisposedException))
                {
                    FsLog.BackgroundFailed(_context.Log, e, "pruning of lost sessions");
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // The client is being disposed.
        }
    }

    /// <summary>Ends a batch of lost sessions; false when the service could not be asked, which is tried again later.</summary>
    private async ValueTask<bool> TryPruneAsync(CancellationToken cancellationToken)
    {
        var request = new PruneSessionReq { SessionClient = _context.ClientId };
        while (request.Sessions.Count < PruneBatch && _lostSessions.TryDequeue(out var session))
        {
            request.Sessions.Add(session);
        }

        var result = await QueryAsync<PruneSessionReq, PruneSessionRsp>(
                MetaMethod.PruneSession,
                request,
                cancellationToken
            )
            .ConfigureAwait(false);
        if (result.HasValue || !MetaRetry.IsRetryable(result.Status.Code))
        {
            return true;
        }

        // As long as this client lives the service does not forget them, and keeps files that were removed.
        request.Sessions.ForEach(_lostSessions.Enqueue);
        return false;
    }
}
