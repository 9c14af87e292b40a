// SPDX-License-Identifier: MIT
using System.Diagnostics;
using DeepInfra.FlashMla;
using EndToEnd.Inference.Agreement;
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
        var requests = Enumerable
            .Range(0, config.ExpertRanks)
            .Select(r =>
                Enumerable
                    .Range(0, RequestsPerRank)
                    .Select(i => Row(prompts.Inputs, RequestsPerRank * r + i, PromptTokens))
                    .ToArray()
            )
            .ToArray();
        await run.Progress.PhaseAsync(
            Phases.CheckDecode,
            () =>
            {
                run.Facts.Agreement = new AgreementCheck(config, serving).Run(requests);
                run.Facts.Agreement.AddTo(run.Verdicts);
            }
        );
        await ServeAsync(serving, requests);
    }

    private async Task ServeAsync(ServingRanks serving, int[][][] requests)
    {
        var (team, ranks) = (serving.Team, serving.Decoders);
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
