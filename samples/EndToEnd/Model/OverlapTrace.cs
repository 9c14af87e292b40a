// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Diagnostics;

namespace EndToEnd.Model;

/// <summary>
/// Start and end of the phases of stages on one pipeline rank, and of the communication between them: shows that rows of
/// one micro-batch travel while the other micro-batch computes.
/// </summary>
internal sealed class OverlapTrace(int pipelineRank)
{
    private readonly ConcurrentQueue<Record> _records = [];

    public IReadOnlyCollection<Record> Records => _records;

    public static Span Begin(OverlapTrace? trace, int expertRank, int microBatch, string phase) =>
        new(trace, expertRank, microBatch, phase, Stopwatch.GetTimestamp());

    public readonly record struct Record(
        int PipelineRank,
        int ExpertRank,
        int MicroBatch,
        string Phase,
        long Start,
        long End
    );

    public readonly struct Span(
        OverlapTrace? trace,
        int expertRank,
        int microBatch,
        string phase,
        long start
    ) : IDisposable
    {
        public void Dispose() =>
            trace?._records.Enqueue(
                new Record(
                    trace.PipelineRank,
                    expertRank,
                    microBatch,
                    phase,
                    start,
                    Stopwatch.GetTimestamp()
                )
            );
    }

    private int PipelineRank => pipelineRank;
}
