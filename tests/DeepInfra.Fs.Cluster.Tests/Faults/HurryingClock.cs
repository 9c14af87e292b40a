// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster.Tests.Faults;

/// <summary>
/// The clock of a client that is patient as long as everything works, however slow the machine is, and whose time flies while a
/// test waits for it to give up.
/// </summary>
/// <remarks>Thread-safe. Timers keep the pace that the clock had when they were set.</remarks>
internal sealed class HurryingClock : TimeProvider
{
    /// <summary>Seconds of the client that pass in a second while it hurries.</summary>
    public const int Haste = 60;

    private readonly Lock _lock = new();
    private long _before;
    private long _since = System.GetTimestamp();
    private int _rate = 1;

    /// <summary>Whether time flies.</summary>
    public bool IsHurrying
    {
        set
        {
            lock (_lock)
            {
                _before = Ticks();
                _since = System.GetTimestamp();
                _rate = value ? Haste : 1;
            }
        }
    }

    /// <inheritdoc/>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <inheritdoc/>
    public override long GetTimestamp()
    {
        lock (_lock)
        {
            return Ticks();
        }
    }

    /// <inheritdoc/>
    public override ITimer CreateTimer(
        TimerCallback callback,
        object? state,
        TimeSpan dueTime,
        TimeSpan period
    ) => new Timer(this, System.CreateTimer(callback, state, Scale(dueTime), Scale(period)));

    private long Ticks() => _before + (System.GetElapsedTime(_since).Ticks * _rate);

    private TimeSpan Scale(TimeSpan time) =>
        time == Timeout.InfiniteTimeSpan ? time : time / Volatile.Read(ref _rate);

    private sealed class Timer(HurryingClock clock, ITimer timer) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) =>
            timer.Change(clock.Scale(dueTime), clock.Scale(period));

        public void Dispose() => timer.Dispose();

        public ValueTask DisposeAsync() => timer.DisposeAsync();
    }
}
