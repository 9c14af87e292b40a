// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Diagnostics;
using DeepInfra.Ep;
using DeepInfra.FlashMla;
using DeepInfra.Fs.KvCache;
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
    private const int NewTokens = 48;
    private const int PromptTokens = 48;

    public async Task RunAsync()
    {
        var layers = Enumerable
            .Range(0, config.Layers)
            .Select(i => new TransformerLayer(config, i, run.Options.Seed, Fp8.Single))
            .ToList();
        await new Checkpoint(run.Files).LoadAsync(
            TrainingFlow.FinalCheckpoint,
            layers,
            run.CancellationToken
        );
        foreach (var layer in layers)
            layer.Refresh();
        await using var data = await SequenceDataset.OpenAsync(
            run.Files,
            TrainingFlow.ValidationPath,
            config.SequenceLength,
            run.CancellationToken
        );
        var prompts = await data.ReadAsync(0, 2 * config.ExpertRanks, run.CancellationToken);

        using var team = new RankTeam("serve", config.ExpertRanks);
        var group = ExpertRanks.CreateGroup(config);
        var throughput = ExpertRanks.CreateBuffers(config, group);
        var lowLatency = ExpertRanks.OnEveryRank(
            group,
            g =>
                LowLatencyBuffer.Create(
                    g,
                    new LowLatencyBufferOptions
                    {
                        MaxTokensPerRank = RankDecoder.MaxBatch,
                        Hidden = config.Width,
                        Experts = config.Experts,
                    }
                )
        );
        var ranks = new RankDecoder[config.ExpertRanks];
        for (var r = 0; r < ranks.Length; r++)
            ranks[r] = new RankDecoder(config, layers, r, throughput[r], lowLatency[r], Fp8.Single);

        await run.Progress.PhaseAsync(
            "prefill and decode agree",
            _ => Task.FromResult(CheckDecode(team, ranks, prompts))
        );
        await run.Progress.PhaseAsync(
            "serve: prefill, offload KV to 3FS, fetch back, decode",
            _ => ServeAsync(team, ranks, prompts)
        );

        foreach (var rank in ranks)
            rank.Dispose();
        foreach (var buffer in lowLatency)
            buffer.Dispose();
        foreach (var buffer in throughput)
            buffer.Dispose();
        foreach (var member in group)
            member.Dispose();
        foreach (var layer in layers)
            layer.Dispose();
    }

    /// <summary>The logits of decode steps against those of one prefill over the same tokens.</summary>
    private bool CheckDecode(RankTeam team, RankDecoder[] ranks, Batch prompts)
    {
        const int decoded = 24;
        var differences = new double[ranks.Length];
        var sameChoice = new int[ranks.Length];
        var attention = new AttentionDifference[ranks.Length];
        team.Run(r =>
        {
            var tokens = Row(prompts.Inputs, r, PromptTokens);
            attention[r] = ranks[r].CompareAttention(tokens);
            var cache = ranks[r].Cache;
            var whole = cache.CreateSequence();
            var expected = ranks[r].Prefill([whole], [tokens]);
            var stepped = cache.CreateSequence();
            ranks[r].Prefill([stepped], [tokens[..^decoded]]);
            double product = 0,
                squares = 0;
            for (var i = PromptTokens - decoded; i < PromptTokens; i++)
            {
                var logits = ranks[r].Decode([stepped], [tokens[i]])[0];
                for (var v = 0; v < logits.Length; v++)
                {
                    product += (double)logits[v] * expected[i][v];
                    squares +=
                        (double)logits[v] * logits[v] + (double)expected[i][v] * expected[i][v];
                }
                sameChoice[r] += Sampler.Greedy(logits) == Sampler.Greedy(expected[i]) ? 1 : 0;
            }
            differences[r] = 1 - 2 * product / squares;
            cache.Free(whole);
            cache.Free(stepped);
        });
        run.Verdicts.Add(
            "Absorbed attention on the FP8 cache equals unabsorbed attention",
            attention.All(a => a.Cosine < AttentionDifference.CosineLimit),
            FormattableString.Invariant(
                $"1-cos {attention.Max(a => a.Cosine):0.0e+00} (limit {AttentionDifference.CosineLimit}), largest error {attention.Max(a => a.Largest):0.0e+00}, {PromptTokens} tokens, all layers"
            )
        );
        run.Verdicts.Add(
            "Prefill and decode give the same logits",
            differences.Max() < 1e-3,
            FormattableString.Invariant(
                $"largest 1-cos {differences.Max():0.0e+00} (limit 1e-3: FP8 codes of near-ties differ between the two forms), same most likely token in {sameChoice.Sum()} of {decoded * ranks.Length} steps"
            )
        );
        return true;
    }

    private async Task<bool> ServeAsync(RankTeam team, RankDecoder[] ranks, Batch prompts)
    {
        var requests = ranks
            .Select(
                (_, r) =>
                    (int[][])
                        [
                            Row(prompts.Inputs, 2 * r, PromptTokens),
                            Row(prompts.Inputs, 2 * r + 1, PromptTokens),
                        ]
            )
            .ToArray();
        var sequences = ranks
            .Select(rank =>
                (MlaSequence[])[rank.Cache.CreateSequence(), rank.Cache.CreateSequence()]
            )
            .ToArray();
        var last = new float[ranks.Length][][];
        var clock = Stopwatch.StartNew();
        team.Run(r =>
        {
            var logits = ranks[r].Prefill(sequences[r], requests[r]);
            last[r] = [logits[PromptTokens - 1], logits[2 * PromptTokens - 1]];
        });
        run.Facts.PrefillSeconds = clock.Elapsed.TotalSeconds;
        run.Facts.PrefillTokens = ranks.Length * 2L * PromptTokens;

        // What the answer would be without offloading, from forks of the cached prompts.
        var undisturbed = Continue(team, ranks, Fork(ranks, sequences), last, greedy: true);
        var fetched = await OffloadAsync(ranks, sequences, requests);
        clock.Restart();
        var greedy = Continue(team, ranks, Fork(ranks, fetched), last, greedy: true);
        run.Facts.DecodeSeconds = clock.Elapsed.TotalSeconds;
        run.Facts.DecodedTokens = ranks.Length * 2L * NewTokens;
        run.Verdicts.Add(
            "Decoding from fetched KV blocks gives the same text as without offloading",
            greedy.SelectMany(g => g).SequenceEqual(undisturbed.SelectMany(g => g)),
            $"{run.Facts.DecodedTokens} tokens of {2 * ranks.Length} requests"
        );
        var sampled = Continue(team, ranks, fetched, last, greedy: false);
        for (var r = 0; r < ranks.Length; r++)
        {
            run.Facts.Texts.Add(
                ("greedy", decodeText(requests[r][0]), decodeText(greedy[r][..NewTokens]))
            );
            run.Facts.Texts.Add(
                ("sampled", decodeText(requests[r][0]), decodeText(sampled[r][..NewTokens]))
            );
        }
        run.Verdicts.Add(
            "All KV blocks are free after the requests",
            ranks.All(r => r.Cache.Allocator.UsedBlocks == 0),
            $"{ranks.Sum(r => r.Cache.Allocator.UsedBlocks)} blocks in use"
        );
        return true;
    }

    /// <summary>Writes the prompts' blocks to the store, frees them, fetches them into new blocks and compares every byte.</summary>
    private async Task<MlaSequence[][]> OffloadAsync(
        RankDecoder[] ranks,
        MlaSequence[][] sequences,
        int[][][] requests
    )
    {
        await using var store = await KvCacheStore.OpenAsync(
            run.Files,
            "/kv",
            cancellationToken: run.CancellationToken
        );
        var original = new List<(int Rank, int Request, ulong Key, byte[] Bytes)>();
        for (var r = 0; r < ranks.Length; r++)
        for (var i = 0; i < sequences[r].Length; i++)
            original.AddRange(
                Export(ranks[r].Cache, sequences[r][i], requests[r][i])
                    .Select(b => (r, i, b.Key, b.Bytes))
            );

        var clock = Stopwatch.StartNew();
        await store.PutManyAsync(
            [.. original.Select(b => new KvCacheItem(b.Key, b.Bytes))],
            run.CancellationToken
        );
        await store.FlushAsync(run.CancellationToken);
        run.Facts.KvOffloadSeconds = clock.Elapsed.TotalSeconds;
        run.Facts.KvBytesOffloaded = original.Sum(b => (long)b.Bytes.Length);
        for (var r = 0; r < ranks.Length; r++)
            foreach (var sequence in sequences[r])
                ranks[r].Cache.Free(sequence);
        var evicted = ranks.All(r => r.Cache.Allocator.UsedBlocks == 0);

        clock.Restart();
        var equal = true;
        var result = ranks.Select(_ => new MlaSequence[2]).ToArray();
        foreach (var request in original.GroupBy(b => (b.Rank, b.Request)))
        {
            var bytes = new ArrayBufferWriter<byte>();
            foreach (var block in request)
            {
                var start = bytes.WrittenCount;
                equal &= await store.TryGetAsync(block.Key, bytes, run.CancellationToken);
                equal &= bytes.WrittenSpan[start..].SequenceEqual(block.Bytes);
            }
            run.Facts.KvBytesFetched += bytes.WrittenCount;
            var (r, i) = request.Key;
            result[r][i] =
                ranks[r].Cache.TryImport(bytes.WrittenSpan, requests[r][i].Length)
                ?? throw new InvalidOperationException(
                    "The cache has no room for the fetched blocks."
                );
        }
        run.Facts.KvFetchSeconds = clock.Elapsed.TotalSeconds;
        run.Verdicts.Add(
            "KV blocks evicted locally come back from 3FS byte for byte",
            equal && evicted && run.Facts.KvBytesFetched == run.Facts.KvBytesOffloaded,
            $"{original.Count} blocks, {run.Facts.KvBytesFetched} bytes"
        );
        return result;
    }

    private static IEnumerable<(ulong Key, byte[] Bytes)> Export(
        PagedMlaKvCache cache,
        MlaSequence sequence,
        int[] tokens
    )
    {
        // The key of a block depends on all tokens up to its end: equal prefixes share blocks.
        var hash = 14695981039346656037UL;
        var next = 0;
        for (var b = 0; b < sequence.BlockCount; b++)
        {
            for (; next < Math.Min(tokens.Length, (b + 1) * cache.PageSize); next++)
                hash = (hash ^ (uint)tokens[next]) * 1099511628211UL;
            var bytes = new byte[cache.ExportBytes];
            cache.ExportBlock(sequence.Blocks[b], bytes);
            yield return (hash, bytes);
        }
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
        var result = new int[ranks.Length][];
        team.Run(r =>
        {
            var random = new Random(run.Options.Seed + r);
            var count = sequences[r].Length;
            var logits = last[r];
            var tokens = new int[count * NewTokens];
            var next = new int[count];
            for (var step = 0; step < NewTokens; step++)
            {
                for (var i = 0; i < count; i++)
                    tokens[i * NewTokens + step] = next[i] = greedy
                        ? Sampler.Greedy(logits[i])
                        : Sampler.Sample(logits[i], temperature: 0.8f, top: 40, random);
                logits = ranks[r].Decode(sequences[r], next);
            }
            foreach (var sequence in sequences[r])
                ranks[r].Cache.Free(sequence);
            result[r] = tokens;
        });
        return result;
    }

    private static int[] Row(int[,] values, int row, int count) =>
        [.. Enumerable.Range(0, count).Select(i => values[row, i])];
}
