// SPDX-License-Identifier: MIT
using System.Diagnostics;
using DeepInfra.DualPipe.Schedules;

namespace DeepInfra.DualPipe.Execution;

/// <content>Trace and metrics.</content>
internal sealed partial class RankExecutor
{
    private readonly KeyValuePair<string, object?> _rankTag;
    private TraceBuffer? _trace;
    private bool _timed;
    private long _busyTicks;
    private long _stepStart;

    /// <summary>Forwards whose backward is not finished.</summary>
    public int LiveActivations
    {
        get;
        private set
        {
            PipelineMetrics.LiveActivations.Add(value - field, _rankTag);
            field = value;
            PeakLiveActivations = Math.Max(PeakLiveActivations, value);
        }
    }

    /// <summary>Most forwards of this step whose backward was not finished.</summary>
    public int PeakLiveActivations { get; private set; }

    /// <summary>Backwards for the inputs whose weight work is not done.</summary>
    public int PendingWeights
    {
        get;
        private set
        {
            PipelineMetrics.PendingWeights.Add(value - field, _rankTag);
            field = value;
            PeakPendingWeights = Math.Max(PeakPendingWeights, value);
        }
    }

    /// <summary>Most backwards for the inputs of this step whose weight work was not done.</summary>
    public int PeakPendingWeights { get; private set; }

    private void BeginMetrics()
    {
        LiveActivations = 0;
        PendingWeights = 0;
        PeakLiveActivations = 0;
        PeakPendingWeights = 0;
        _busyTicks = 0;
        if (_options.Trace)
        {
            if (_trace is null || _trace.Capacity < _plan.Actions.Length)
            {
                _trace = new TraceBuffer(_plan.Actions.Length);
            }

            _trace.Clear();
        }

        _timed =
            _trace is not null
            || PipelineMetrics.ActionDuration.Enabled
            || PipelineMetrics.WaitTime.Enabled
            || PipelineMetrics.BubbleRatio.Enabled;
        _stepStart = _timed ? Stopwatch.GetTimestamp() : 0;
    }

    private long BeginAction() => _timed ? Stopwatch.GetTimestamp() : 0;

    private void EndAction(PipelineActionKind kind, long start)
    {
        _scratch.Reset();
        if (!_timed)
        {
            return;
        }

        var end = Stopwatch.GetTimestamp();
        _busyTicks += end - start;
        _trace?.Add(ActionIndex, start, end);
        if (PipelineMetrics.ActionDuration.Enabled)
        {
            PipelineMetrics.ActionDuration.Record(
                (end - start) / (double)Stopwatch.Frequency,
                new KeyValuePair<string, object?>("kind", PipelineAction.Symbol(kind)),
                _rankTag
            );
        }
    }

    private long BeginWait() => _timed ? Stopwatch.GetTimestamp() : 0;

    private void EndWait(long start, PipelineActionKind kind)
    {
        if (!_timed)
        {
            return;
        }

        var end = Stopwatch.GetTimestamp();
        if (kind == PipelineActionKind.Commit)
        {
            _trace?.Add(ActionIndex, start, end);
        }

        if (PipelineMetrics.WaitTime.Enabled)
        {
            PipelineMetrics.WaitTime.Record((end - start) / (double)Stopwatch.Frequency, _rankTag);
        }
    }

    private void EndMetrics()
    {
        if (PipelineMetrics.BubbleRatio.Enabled)
        {
            var total = Stopwatch.GetTimestamp() - _stepStart;
            PipelineMetrics.BubbleRatio.Record(
                total > 0 ? 1.0 - ((double)_busyTicks / total) : 0,
                _rankTag
            );
        }
    }
}
