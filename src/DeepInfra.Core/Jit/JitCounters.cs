// SPDX-License-Identifier: MIT
using System.Diagnostics.Metrics;

namespace DeepInfra.Core.Jit;

/// <summary>Counts for <see cref="JitStatistics"/> and for the process' meter. Thread-safe.</summary>
internal sealed class JitCounters
{
    private static readonly Meter s_meter = new("DeepInfra.Core");
    private static readonly Counter<long> s_lookups = s_meter.CreateCounter<long>(
        "deepinfra.core.jit_lookups",
        "{kernel}",
        "Kernels asked for, by where they came from."
    );
    private static readonly Histogram<double> s_compileTime = s_meter.CreateHistogram<double>(
        "deepinfra.core.jit_compile_time",
        "s",
        "Time to compile a kernel."
    );

    private long _memoryHits;
    private long _diskHits;
    private long _compilations;
    private long _failures;
    private long _corrupt;
    private long _lockWaits;
    private long _writeFailures;
    private long _compileTicks;

    public JitStatistics Snapshot() =>
        new(
            Interlocked.Read(ref _memoryHits),
            Interlocked.Read(ref _diskHits),
            Interlocked.Read(ref _compilations),
            Interlocked.Read(ref _failures),
            Interlocked.Read(ref _corrupt),
            Interlocked.Read(ref _lockWaits),
            Interlocked.Read(ref _writeFailures),
            new TimeSpan(Interlocked.Read(ref _compileTicks))
        );

    public void MemoryHit() => Count(ref _memoryHits, "memory");

    public void DiskHit() => Count(ref _diskHits, "disk");

    public void Compiled(TimeSpan time)
    {
        Count(ref _compilations, "compiler");
        Interlocked.Add(ref _compileTicks, time.Ticks);
        s_compileTime.Record(time.TotalSeconds);
    }

    public void Failed() => Interlocked.Increment(ref _failures);

    public void Corrupt() => Interlocked.Increment(ref _corrupt);

    public void LockWait() => Interlocked.Increment(ref _lockWaits);

    public void WriteFailed() => Interlocked.Increment(ref _writeFailures);

    private static void Count(ref long counter, string source)
    {
        Interlocked.Increment(ref counter);
        if (s_lookups.Enabled)
            s_lookups.Add(1, new KeyValuePair<string, object?>("source", source));
    }
}
