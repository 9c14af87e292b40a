// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Management;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Storage;

/// <summary>
/// Paces the rounds of one storage operation. A round's time limit doubles from round to round; what a failed round
/// leaves of its limit is waited before the next, so a node that is down is not hammered. Stale routing and
/// uncommitted chunks, which pass quickly, wait much less.
/// </summary>
internal struct RetryPacer
{
    private static readonly TimeSpan s_afterRouting = TimeSpan.FromMilliseconds(5);

    private readonly ClientContext _context;
    private readonly MgmtdClient _mgmtd;
    private readonly long _start;
    private long _roundStart;
    private int _shortRounds;

    public RetryPacer(ClientContext context, MgmtdClient mgmtd)
    {
        _context = context;
        _mgmtd = mgmtd;
        _start = context.Time.GetTimestamp();
        _roundStart = _start;
        RoundTimeout = context.Options.StorageTimeout;
    }

    /// <summary>Time limit of the requests of this round.</summary>
    public TimeSpan RoundTimeout { get; private set; }

    /// <summary>What to do after a round that failed.</summary>
    /// <param name="code">A code that asks for another round.</param>
    /// <returns>How long to wait, or null when the operation's time is up.</returns>
    public TimeSpan? Next(StatusCode code)
    {
        var options = _context.Options;
        var elapsed = _context.Time.GetElapsedTime(_roundStart);
        TimeSpan wait;
        if (StorageErrors.IsShort(code))
        {
            // 10 ms, 20 ms, … up to half of the first round's limit.
            var half = options.StorageTimeout / 2;
            wait = TimeSpan.FromMilliseconds(10 * Math.Pow(2, Math.Min(_shortRounds++, 10)));
            wait = wait < half ? wait : half;
        }
        else
        {
            wait = RoundTimeout > elapsed ? RoundTimeout - elapsed : TimeSpan.Zero;
        }

        // A last round without time for an answer would only hide behind a timeout why the others failed.
        var least =
            (
                options.StorageTimeout < options.OperationTimeout
                    ? options.StorageTimeout
                    : options.OperationTimeout
            ) / 10;
        if (_context.Time.GetElapsedTime(_start) + wait + least > options.OperationTimeout)
        {
            return null;
        }

        if (!StorageErrors.IsShort(code))
        {
            var doubled = RoundTimeout * 2;
            RoundTimeout =
                doubled < options.MaximumStorageTimeout ? doubled : options.MaximumStorageTimeout;
        }

        return wait;
    }

    /// <summary>Begins the next round; its limit shrinks to what is left of the operation's time.</summary>
    public void Begin()
    {
        _roundStart = _context.Time.GetTimestamp();
        var left = _context.Options.OperationTimeout - _context.Time.GetElapsedTime(_start);
        if (left < RoundTimeout)
        {
            RoundTimeout = left > s_afterRouting ? left : s_afterRouting;
        }
    }

    /// <summary>Refreshes the routing if the code asks for it, then waits; new routing cuts the wait short.</summary>
    public static async ValueTask WaitAsync(
        ClientContext context,
        MgmtdClient mgmtd,
        string operation,
        Status reason,
        TimeSpan wait,
        CancellationToken cancellationToken
    )
    {
        var code = reason.Code;
        if (StorageErrors.IsShort(code))
        {
            FsLog.ShortRetry(context.Log, operation, wait.TotalMilliseconds, reason);
        }
        else
        {
            FsLog.Retry(context.Log, operation, wait.TotalMilliseconds, reason);
        }

        FsMetrics.Retries.Add(1, new KeyValuePair<string, object?>("code", (int)code));
        if (StorageErrors.WantsRouting(code))
        {
            if (await mgmtd.TryRefreshRoutingAsync(cancellationToken).ConfigureAwait(false))
            {
                wait = s_afterRouting;
            }
        }

        await Task.Delay(wait, context.Time, cancellationToken).ConfigureAwait(false);
    }
}
