// SPDX-License-Identifier: MIT
using EndToEnd.Model;

namespace EndToEnd.Training;

/// <summary>How many exchanges happened while the same expert rank computed for another micro-batch.</summary>
internal static class OverlapAnalysis
{
    /// <summary>Exchanges of the two micro-batches of an overlapped pair on one expert rank.</summary>
    public const int ExchangesPerPair = 4;

    private static readonly (string Before, string After)[] s_exchanges =
    [
        ("attention", "experts"),
        ("experts", "combine"),
        ("head backward", "experts backward"),
        ("experts backward", "attention backward"),
    ];

    /// <summary>
    /// An exchange runs from the end of one phase of a micro-batch to the start of its next. It is overlapped if
    /// a phase of another micro-batch on the same rank lies in between.
    /// </summary>
    public static (long Exchanges, long Overlapped) Count(IEnumerable<OverlapTrace> traces)
    {
        var (exchanges, overlapped) = (0L, 0L);
        foreach (
            var rank in traces
                .SelectMany(t => t.Records)
                .GroupBy(r => (r.PipelineRank, r.ExpertRank))
        )
        {
            var records = rank.OrderBy(r => r.Start).ToList();
            for (var i = 0; i + 1 < records.Count; i++)
            {
                var next = records.FindIndex(
                    i + 1,
                    r =>
                        r.MicroBatch == records[i].MicroBatch
                        && s_exchanges.Contains((records[i].Phase, r.Phase))
                );
                if (next < 0)
                    continue;
                exchanges++;
                if (next > i + 1)
                    overlapped++;
            }
        }
        return (exchanges, overlapped);
    }
}
