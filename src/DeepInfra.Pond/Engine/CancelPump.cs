// SPDX-License-Identifier: MIT
using DuckDB.NET.Data;

namespace DeepInfra.Pond.Engine;

/// <summary>
/// Cancels a command when a token fires. An interrupt that arrives before the query has started is lost, so
/// it is repeated until the command has returned.
/// </summary>
internal sealed class CancelPump : IDisposable
{
    private readonly DuckDBCommand _command;
    private readonly Lock _lock = new();
    private readonly CancellationTokenRegistration _registration;
    private Timer? _timer;
    private bool _done;

    private CancelPump(DuckDBCommand command, CancellationToken cancellation)
    {
        _command = command;
        _registration = cancellation.UnsafeRegister(static s => ((CancelPump)s!).Start(), this);
    }

    public static CancelPump? Attach(DuckDBCommand command, CancellationToken cancellation) =>
        cancellation.CanBeCanceled ? new CancelPump(command, cancellation) : null;

    public void Dispose()
    {
        _registration.Dispose();
        lock (_lock)
        {
            _done = true;
            _timer?.Dispose();
        }
    }

    private void Start()
    {
        lock (_lock)
        {
            if (!_done)
            {
                _timer = new Timer(static s => ((CancelPump)s!).Fire(), this, 0, 25);
            }
        }
    }

    private void Fire()
    {
        lock (_lock)
        {
            if (!_done)
            {
                _command.Cancel();
            }
        }
    }
}
