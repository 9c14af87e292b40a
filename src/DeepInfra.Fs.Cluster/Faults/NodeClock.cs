// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace DeepInfra.Fs.Cluster.Faults;

/// <summary>
/// The clock of one node. Its wall time is what goes into messages and files and may be wrong; how much time has
/// passed is measured separately, so that a wrong wall time ends no lease.
/// </summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class NodeClock
{
    private long _offset;
    private long _advanced;

    /// <summary>Wall time in microseconds since the Unix epoch, the unit of all times of the protocol.</summary>
    public long Now() =>
        ((DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond)
        + Volatile.Read(ref _offset)
        + Volatile.Read(ref _advanced);

    /// <summary>Microseconds on a scale that only moves forward, whatever happens to the wall time.</summary>
    public long Monotonic() =>
        (long)(Stopwatch.GetElapsedTime(0).Ticks / TimeSpan.TicksPerMicrosecond)
        + Volatile.Read(ref _advanced);

    /// <summary>Fault injection: sets the wall time off; no time passes.</summary>
    public void Skew(TimeSpan offset) =>
        Volatile.Write(ref _offset, (long)offset.TotalMicroseconds);

    /// <summary>Fault injection: lets time pass for this node.</summary>
    public void Advance(TimeSpan time) =>
        Interlocked.Add(ref _advanced, (long)time.TotalMicroseconds);
}
