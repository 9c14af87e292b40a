// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace DeepInfra.DualPipe.Execution;

/// <summary>Collects the progress of the local ranks of one step and reports it at most every 100 ms.</summary>
internal sealed class ProgressReporter(IProgress<PipelineProgress> target, long stepId, long total)
{
    private static readonly long s_interval = Stopwatch.Frequency / 10;
    private long _completed;
    private long _lastReport = Stopwatch.GetTimestamp();

    public void ActionCompleted()
    {
        var completed = Interlocked.Increment(ref _completed);
        var now = Stopwatch.GetTimestamp();
        var last = Volatile.Read(ref _lastReport);
        if (
            now - last >= s_interval
            && Interlocked.CompareExchange(ref _lastReport, now, last) == last
        )
        {
            target.Report(new PipelineProgress(stepId, completed, total));
        }
    }
}
