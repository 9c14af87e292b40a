// SPDX-License-Identifier: MIT
using System.Globalization;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Management;

internal sealed partial class MgmtdClient
{
    private readonly ClientSessionData _sessionData;
    private long _clientStart;
    private ulong _sessionVersion = 1;

    /// <summary>Renews the session; a stale version is corrected from the manager's message and sent again.</summary>
    public async ValueTask<Status> ExtendSessionAsync(CancellationToken cancellationToken)
    {
        if (_clientStart == 0)
        {
            _clientStart = _context.NowMicroseconds();
        }

        for (var attempt = 0; ; attempt++)
        {
            var request = new ExtendClientSessionReq
            {
                ClientId = _context.ClientId.Uuid.ToString("D"),
                ClientSessionVersion = _sessionVersion,
                Data = _sessionData,
                Type = NodeType.Client,
                ClientStart = _clientStart,
            };
            var result = await CallAsync<ExtendClientSessionReq, ExtendClientSessionRsp>(
                    MgmtdMethod.ExtendClientSession,
                    request,
                    cancellationToken
                )
                .ConfigureAwait(false);
            if (result.HasValue)
            {
                _sessionVersion++;
                return Status.Ok;
            }

            if (
                attempt > 0
                || result.Status.Code != StatusCode.MgmtdClientSessionVersionStale
                || !TryParseVersion(result.Status.Message, out var version)
            )
            {
                return result.Status;
            }

            _sessionVersion = version + 1;
        }
    }

    private static ClientSessionData NewSessionData(ClientContext context) =>
        new()
        {
            // Everything that identifies a session must stay the same for its whole life.
            UniversalId = $"{context.ClientId.Hostname}-{Environment.ProcessId}",
            Description = context.Options.Description,
        };

    private static bool TryParseVersion(string? message, out ulong version)
    {
        var digits = new string([
            .. (message ?? "").SkipWhile(c => !char.IsAsciiDigit(c)).TakeWhile(char.IsAsciiDigit),
        ]);
        return ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out version);
    }

    private async Task BackgroundLoopAsync()
    {
        using var timer = new PeriodicTimer(_context.Options.ManagerInterval, _context.Time);
        var token = _stopping.Token;
        try
        {
            while (await timer.WaitForNextTickAsync(token).ConfigureAwait(false))
            {
                // Both are attempted again at the next tick; operations report failures when they matter.
                try
                {
                    await TryRefreshRoutingAsync(token).ConfigureAwait(false);
                    var extended = await ExtendSessionAsync(token).ConfigureAwait(false);
                    if (!extended.IsOk)
                    {
                        FsLog.SessionNotRenewed(_context.Log, extended);
                    }
                }
                catch (Exception e)
                    when (e is not (OperationCanceledException or ObjectDisposedException))
                {
                    // Routing information that makes no sense must not end the renewal of the session.
                    FsLog.BackgroundFailed(_context.Log, e, "renewal of routing and session");
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // The client is being disposed.
        }
    }
}
