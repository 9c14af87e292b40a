// SPDX-License-Identifier: MIT
using System.Diagnostics;
using DeepInfra.FlashMla;
using EndToEnd.Model;
using EndToEnd.Training;

namespace EndToEnd.Inference;

/// <summary>
/// Request → prefill → KV cache, offloaded to 3FS and fetched back → decode → text, on two expert ranks, with the weights
/// of the checkpoint on 3FS.
/// </summary>
internal sealed class InferenceFlow(
    RunContext run,
    ModelConfig config,
    Func<IEnumerable<int>, string> decodeText
)
{
    public const int NewTokens = 48;

    private const int PromptTokens = 48;
    private const int RequestsPerRank = 2;

    /// <summary>That of decode kernels with BFloat16 results.</summary>
    private const double AttentionLimit = 5e-6;

    /// <summary>
    /// Both forms round to FP8 at different places, which now and then changes an expert among near-equal ones. The evidence
    /// gives, for scale, how far the logits of neighbouring positions are apart.
    /// </summary>
    private const double LogitLimit = 1e-3;

    public async Task RunAsync()
    {
        using var serving = new ServingRanks(config, run.Options.Seed);
        await run.Progress.PhaseAsync(
            Phases.Load,
            async () =>
            {
                await new Checkpoint(run.Files).LoadAsync(
                    TrainingFlow.FinalCheckpoint,
                    serving.Layers,
                    run.CancellationToken
                );
                serving.Refresh();
            }
        );
        await using var data = await SequenceDataset.OpenAsync(
            run.Files,
            TrainingFlow.ValidationPath,
            config.SequenceLength,
            run.CancellationToken
        );
        var prompts = await data.ReadAsync(
            0,
            RequestsPerRank * config.ExpertRanks,
            run.CancellationToken
        );
        await run.Progress.PhaseAsync(
            Phases.CheckDecode,
            () => CheckDecode(serving.Team, serving.Decoders, prompts)
        );
        await ServeAsync(serving, prompts);
    }

    /// <summary>The logits of decode steps against those of one prefill over the same tokens.</summary>
    private void CheckDecode(RankTeam team, RankDecoder[] ranks, Batch prompts)
    {
        const int decoded = 24;
        var differences = new CosineDifference[ranks.Length];
        var neighbours = new CosineDifference[ranks.Length];
        var sameChoice = new int[ranks.Length];
        var attention = new CosineDifference[ranks.Length];
        team.Run(r =>
        {
            var tokens = Row(prompts.Inputs, r, PromptTokens);
            attention[r] = ranks[r].CompareAttention(tokens);
            var cache = ranks[r].Cache;
            var whole = cache.CreateSequence();
            var expected = ranks[r].Prefill([whole], [tokens]);
            var stepped = cache.CreateSequence();
            ranks[r].Prefill([stepped], [tokens[..^decoded]]);
            differences[r] = new CosineDifference();
            neighbours[r] = new CosineDifference();
            for (var i = PromptTokens - decoded; i < PromptTokens; i++)
            {
                var logits = ranks[r].Decode([stepped], [tokens[i]])[0];
                differences[r].Add(logits, expected[i]);
                neighbours[r].Add(logits, expected[i - 1]);
                sameChoice[r] += Sampler.Greedy(logits) == Sampler.Greedy(expected[i]) ? 1 : 0;
            }
            cache.Free(whole);
            cache.Free(stepped);
        });
        run.Verdicts.Add(
            "Absorbed attention on the FP8 cache agrees with unabsorbed attention by the cosine measure",
            attention.All(a => a.Cosine < AttentionLimit),
            FormattableString.Invariant(
                $"1-cos {attention.Max(a => a.Cosine):0.0e+00} (limit {AttentionLimit:0.0e+00}); not equal: largest difference of a value {attention.Max(a => a.Largest):0.0e+00}, {PromptTokens} tokens, all layers"
            )
        );
        run.Verdicts.Add(
            "Prefill and decode logits agree by the cosine measure",
            Array.TrueForAll(differences, d => d.Cosine < LogitLimit),
            FormattableString.Invariant(
                $"largest 1-cos {differences.Max(d => d.Cosine):0.0e+00} (limit {LogitLimit:0.0e+00}; logits of neighbouring positions: {neighbours.Min(d => d.Cosine):0.0e+00}); not checked but counted: same most likely token in {sameChoice.Sum()} of {decoded * ranks.Length} steps"
            )
        );
    }

    private async Task ServeAsync(ServingRanks serving, Batch prompts)
    {
        var (team, ranks) = (serving.Team, serving.Decoders);
        var requests = ranks
            .Select(
                (_, r) =>
                    Enumerable
                        .Range(0, RequestsPerRank)
                        .Select(i => Row(prompts.Inputs, RequestsPerRank * r + i, PromptTokens))
                        .ToArray()
            )
            .ToArray();
        var sequences = ranks
            .Select(rank => requests[0].Select(_ => rank.Cache.CreateSequence()).ToArray())
            .ToArray();
        var last = new float[ranks.Length][][];
        await run.Progress.PhaseAsync(
            Phases.Prefill,
            () =>
            {
                var clock = Stopwatch.StartNew();
                team.Run(r =>
                {
                    var logits = ranks[r].Prefill(sequences[r], requests[r]);
                    last[r] = [.. requests[r].Select((_, i) => logits[(i + 1) * PromptTokens - 1])];
                });
                run.Facts.PrefillSeconds = clock.Elapsed.TotalSeconds;
                run.Facts.PrefillTokens = ranks.Length * (long)RequestsPerRank * PromptTokens;
            }
        );
        int[][] undisturbed = [],
            greedy = [],
            sampled = [];
        // From forks of the cached prompts: the prompts themselves are still needed.
        await run.Progress.PhaseAsync(
            Phases.DecodeLocal,
            () => undisturbed = Continue(team, ranks, Fork(ranks, sequences), last, greedy: true)
        );
        MlaSequence[][] fetched = [];
        var modelKey = serving.Layers.Aggregate(
            0UL,
            (key, layer) => key * 31 + layer.Parameters.Hash()
        );
        await run.Progress.PhaseAsync(
            Phases.Offload,
            async () =>
                fetched = await new KvOffload(run, ranks, modelKey).RunAsync(sequences, requests)
        );
        await run.Progress.PhaseAsync(
            Phases.Decode,
            () =>
            {
                var clock = Stopwatch.StartNew();
                greedy = Continue(team, ranks, Fork(ranks, fetched), last, greedy: true);
                run.Facts.DecodeSeconds = clock.Elapsed.TotalSeconds;
                run.Facts.DecodedTokens = ranks.Length * (long)RequestsPerRank * NewTokens;
                sampled = Continue(team, ranks, fetched, last, greedy: false);
            }
        );
        run.Verdicts.Add(
            "Decoding from fetched KV blocks gives the same text as without offloading",
            greedy.SelectMany(g => g).SequenceEqual(undisturbed.SelectMany(g => g)),
            $"{run.Facts.DecodedTokens} tokens of {RequestsPerRank * ranks.Length} requests"
        );
        for (var r = 0; r < ranks.Length; r++)
        {
            var prompt = decodeText(requests[r][0]);
            run.Facts.Texts.Add(("greedy", prompt, decodeText(greedy[r][..NewTokens])));
            run.Facts.Texts.Add(("sampled", prompt, decodeText(sampled[r][..NewTokens])));
        }
        run.Verdicts.Add(
            "All KV blocks are free after the requests",
            ranks.All(r => r.Cache.Allocator.UsedBlocks == 0),
            $"{ranks.Sum(r => r.Cache.Allocator.UsedBlocks)} blocks in use"
        );
    }

    private static MlaSequence[][] Fork(RankDecoder[] ranks, MlaSequence[][] sequences) =>
        [.. ranks.Select((rank, r) => sequences[r].Select(rank.Cache.Fork).ToArray())];

    /// <summary>Decodes <see cref="NewTokens"/> tokens for every sequence and frees it. Tokens by rank, request after request.</summary>
    private int[][] Continue(
        RankTeam team,
        RankDecoder[] ranks,
        MlaSequence[][] sequences,
        float[][][] last,
        bool greedy
    )
    {
        var result = ranks.Select((_, r) => new int[sequences[r].Length * NewTokens]).ToArray();
        var randoms = ranks.Select((_, r) => new Random(run.Options.Seed + r)).ToArray();
        var logits = last.ToArray();
        for (var step = 0; step < NewTokens; step++)
        {
            // Between the collective steps, so that no rank waits for one that has stopped.
            run.CancellationToken.ThrowIfCancellationRequested();
            team.Run(r =>
            {
                var next = Array.ConvertAll(
                    logits[r],
                    row =>
                        greedy
                            ? Sampler.Greedy(row)
                            : Sampler.Sample(row, temperature: 0.8f, top: 40, randoms[r])
                );
                for (var i = 0; i < next.Length; i++)
                    result[r][i * NewTokens + step] = next[i];
                logits[r] = ranks[r].Decode(sequences[r], next);
            });
        }
        for (var r = 0; r < ranks.Length; r++)
            foreach (var sequence in sequences[r])
                ranks[r].Cache.Free(sequence);
        return result;
    }

    private static int[] Row(int[,] values, int row, int count) =>
        [.. Enumerable.Range(0, count).Select(i => values[row, i])];
}
