// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Diagnostics;
using DeepInfra.FlashMla;
using DeepInfra.Fs.KvCache;

namespace EndToEnd.Inference;

/// <summary>
/// Writes the prompts' blocks to the KV-cache store on 3FS, frees them, overwrites the local cache, and fetches them into
/// new blocks through a store that is opened anew, so that nothing can come from this process's memory.
/// </summary>
internal sealed class KvOffload(RunContext run, RankDecoder[] ranks, ulong modelKey)
{
    private const string Folder = "/kv";

    /// <returns>The fetched sequences by rank.</returns>
    public async Task<MlaSequence[][]> RunAsync(MlaSequence[][] sequences, int[][][] requests)
    {
        var blocks = new List<Block>();
        for (var r = 0; r < ranks.Length; r++)
        for (var i = 0; i < sequences[r].Length; i++)
            blocks.AddRange(Export(r, i, sequences[r][i], requests[r][i]));
        await PutAsync(blocks);

        for (var r = 0; r < ranks.Length; r++)
            foreach (var sequence in sequences[r])
                ranks[r].Cache.Free(sequence);
        var evicted = ranks.All(r => r.Cache.Allocator.UsedBlocks == 0);
        foreach (var rank in ranks)
            Overwrite(rank.Cache);

        var fetched = await FetchAsync(blocks, requests);
        var same = blocks.All(b =>
        {
            var (cache, sequence) = (ranks[b.Rank].Cache, fetched[b.Rank][b.Request]);
            var bytes = new byte[cache.ExportBytes];
            cache.ExportBlock(sequence.Blocks[b.Index], bytes);
            return bytes.AsSpan().SequenceEqual(b.Bytes);
        });
        run.Verdicts.Add(
            "KV blocks evicted and overwritten locally come back from 3FS byte for byte",
            same && evicted && run.Facts.KvBytesFetched == run.Facts.KvBytesOffloaded,
            FormattableString.Invariant(
                $"{blocks.Count} blocks, {run.Facts.KvBytesFetched:#,0} bytes; {(evicted ? "none" : "some")} left in the local cache in between"
            )
        );
        return fetched;
    }

    private async Task PutAsync(List<Block> blocks)
    {
        var clock = Stopwatch.StartNew();
        await using var store = await OpenAsync();
        await store.PutManyAsync(
            [.. blocks.Select(b => new KvCacheItem(b.Key, b.Bytes))],
            run.CancellationToken
        );
        await store.FlushAsync(run.CancellationToken);
        run.Facts.KvOffloadSeconds = clock.Elapsed.TotalSeconds;
        run.Facts.KvBytesOffloaded = blocks.Sum(b => (long)b.Bytes.Length);
    }

    private async Task<MlaSequence[][]> FetchAsync(List<Block> blocks, int[][][] requests)
    {
        var clock = Stopwatch.StartNew();
        await using var store = await OpenAsync();
        var result = requests.Select(r => new MlaSequence[r.Length]).ToArray();
        foreach (var request in blocks.GroupBy(b => (b.Rank, b.Request)))
        {
            var bytes = new ArrayBufferWriter<byte>();
            foreach (var block in request)
                if (!await store.TryGetAsync(block.Key, bytes, run.CancellationToken))
                    throw new InvalidDataException(
                        $"{Folder}: block {block.Index} of request {block.Request} on rank {block.Rank} (key {block.Key:x16}) is missing or damaged"
                    );
            run.Facts.KvBytesFetched += bytes.WrittenCount;
            var (r, i) = request.Key;
            result[r][i] =
                ranks[r].Cache.TryImport(bytes.WrittenSpan, requests[r][i].Length)
                ?? throw new InvalidOperationException(
                    "The cache has no room for the fetched blocks."
                );
        }
        run.Facts.KvFetchSeconds = clock.Elapsed.TotalSeconds;
        return result;
    }

    private ValueTask<KvCacheStore> OpenAsync() =>
        KvCacheStore.OpenAsync(run.Files, Folder, cancellationToken: run.CancellationToken);

    /// <summary>Fills every block with zeros.</summary>
    private static void Overwrite(PagedMlaKvCache cache)
    {
        var blocks = cache.Allocator.FreeBlocks;
        var zeros =
            cache.TryImport(new byte[blocks * cache.ExportBytes], blocks * cache.PageSize)
            ?? throw new InvalidOperationException(
                "The cache does not take as many blocks as are free."
            );
        cache.Free(zeros);
    }

    private IEnumerable<Block> Export(int rank, int request, MlaSequence sequence, int[] tokens)
    {
        var cache = ranks[rank].Cache;
        // A key covers all tokens up to the end of its block and the weights that computed it.
        var keys = KvBlockHash.ComputeChain(modelKey, tokens, cache.PageSize);
        if (keys.Length != sequence.BlockCount)
            throw new InvalidOperationException(
                "Only full blocks can be stored under their tokens."
            );
        for (var b = 0; b < keys.Length; b++)
        {
            var bytes = new byte[cache.ExportBytes];
            cache.ExportBlock(sequence.Blocks[b], bytes);
            yield return new Block(rank, request, b, keys[b], bytes);
        }
    }

    private sealed record Block(int Rank, int Request, int Index, ulong Key, byte[] Bytes);
}
