// SPDX-License-Identifier: MIT
using EndToEnd.Model;

namespace EndToEnd.Inference.Agreement;

/// <summary>
/// Runs decode over tokens that prefill has seen, three times: half layer by half layer on prefill's inputs, then on its own
/// results through prefill's experts, then through its own. docs/numerics.md derives the limits.
/// </summary>
internal sealed class AgreementCheck(ModelConfig config, ServingRanks serving)
{
    /// <summary>Decode steps of each sequence.</summary>
    public const int Steps = 24;

    /// <param name="prompts">Token ids by expert rank and sequence, all of one length.</param>
    public AgreementResult Run(int[][][] prompts)
    {
        var length = prompts[0][0].Length;
        var ranks = new RankResult[config.ExpertRanks];
        serving.Team.Run(r => ranks[r] = RunRank(serving.Decoders[r], prompts[r], length));
        return AgreementResult.Create(
            ranks
                .Select(
                    (rank, r) =>
                        (
                            rank,
                            RoundingNoise.Measure(
                                config,
                                serving.Layers,
                                rank.Trace,
                                [.. prompts[r].SelectMany(p => p)],
                                length,
                                rank.Rows
                            )
                        )
                )
                .ToList()
        );
    }

    /// <summary>
    /// Tokens of a sequence that are prefilled before the steps. The first ends inside a page, the second with one token on a
    /// new page; both cross the end of a page.
    /// </summary>
    private static int Prefilled(int sequence, int length) =>
        sequence % 2 == 0 ? length - Steps : RankDecoder.PageSize + 1;

    private RankResult RunRank(RankDecoder decoder, int[][] prompts, int length)
    {
        var trace = new ForwardTrace(config.Layers);
        var whole = prompts.Select(_ => decoder.Cache.CreateSequence()).ToArray();
        trace.Logits.AddRange(decoder.Prefill(whole, prompts, trace.Add));
        foreach (var sequence in whole)
            decoder.Cache.Free(sequence);

        var steps = new StepProbe(trace);
        var replayed = new ChoiceProbe(trace, replay: true);
        var free = new ChoiceProbe(trace, replay: false);
        foreach (var probe in new TraceProbe[] { steps, replayed, free })
            Decode(decoder, prompts, length, probe);
        return new RankResult(trace, steps, replayed, free);
    }

    private static void Decode(RankDecoder decoder, int[][] prompts, int length, TraceProbe probe)
    {
        var cache = decoder.Cache;
        var sequences = prompts.Select(_ => cache.CreateSequence()).ToArray();
        decoder.Prefill(
            sequences,
            [.. prompts.Select((tokens, i) => tokens[..Prefilled(i, length)])]
        );
        for (var step = 0; step < Steps; step++)
        {
            var positions = prompts.Select((_, i) => Prefilled(i, length) + step).ToArray();
            probe.Rows = [.. positions.Select((p, i) => i * length + p)];
            var tokens = prompts.Select((prompt, i) => prompt[positions[i]]).ToArray();
            probe.Finish(decoder.Decode(sequences, tokens, probe));
        }
        foreach (var sequence in sequences)
            cache.Free(sequence);
    }

    /// <summary>What one expert rank measured.</summary>
    internal sealed record RankResult(
        ForwardTrace Trace,
        StepProbe Steps,
        ChoiceProbe Replayed,
        ChoiceProbe Free
    )
    {
        /// <summary>Rows of the trace that decode computed as well.</summary>
        public IReadOnlyList<int> Rows { get; } = [.. Replayed.Logits.Keys];
    }
}
