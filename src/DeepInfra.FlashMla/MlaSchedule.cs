// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla;

/// <summary>
/// The split-KV tile schedule of FlashMLA: distributes the key/value blocks of a batch over a fixed number of
/// parts so that every part has about the same work. Pure functions, thread-safe, no allocation.
/// </summary>
public static class MlaSchedule
{
    /// <summary>Tokens per schedule block.</summary>
    public const int BlockTokens = 64;

    /// <summary>Parts of a dense decode on a GPU: multiprocessors / KV heads / row tiles of 64, at least 1.</summary>
    /// <param name="multiprocessors">Multiprocessors of the device.</param>
    /// <param name="kvHeads">KV heads.</param>
    /// <param name="queryTokens">Query tokens per request.</param>
    /// <param name="groupSize">Query heads per KV head.</param>
    public static int DensePartCount(
        int multiprocessors,
        int kvHeads,
        int queryTokens,
        int groupSize
    )
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(multiprocessors, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(kvHeads, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(queryTokens, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(groupSize, 1);
        var rowTiles = ((long)queryTokens * groupSize + 63) / 64;
        return (int)Math.Max(1, multiprocessors / kvHeads / rowTiles);
    }

    /// <summary>Parts of a sparse decode on a GPU: multiprocessors / query tokens / head tiles of 64, at least 1.</summary>
    /// <param name="multiprocessors">Multiprocessors of the device.</param>
    /// <param name="queryTokens">Query tokens per request.</param>
    /// <param name="queryHeads">Query heads.</param>
    public static int SparsePartCount(int multiprocessors, int queryTokens, int queryHeads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(multiprocessors, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(queryTokens, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(queryHeads, 1);
        return (int)Math.Max(1, multiprocessors / queryTokens / (((long)queryHeads + 63) / 64));
    }

    /// <summary>
    /// The length that <see cref="Compute"/> takes for a sparse request: the entries of the main list, at least 1, and with an
    /// extra list those rounded up to whole blocks plus the entries of the extra list.
    /// </summary>
    /// <param name="length">Entries of the main list.</param>
    /// <param name="extraLength">Entries of the extra list; null if there is none.</param>
    public static int SparseLength(int length, int? extraLength = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfNegative(extraLength ?? 0, nameof(extraLength));
        length = Math.Max(1, length);
        return extraLength is { } extra
            ? checked((int)(((long)length + BlockTokens - 1) / BlockTokens * BlockTokens + extra))
            : length;
    }

    /// <summary>Blocks of a dense request: ceil(length / 64); an empty request counts as one.</summary>
    /// <param name="sequenceLength">Tokens in the cache.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length is negative.</exception>
    public static int DenseBlocks(int sequenceLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sequenceLength);
        return Math.Max(1, (int)(((long)sequenceLength + BlockTokens - 1) / BlockTokens));
    }

    /// <summary>
    /// Computes the schedule. The budget of a part is <c>ceil(sum(blocks + overhead) / parts) + overhead</c>; parts
    /// are filled in order, and a request that does not fit is continued by the next part.
    /// </summary>
    /// <param name="sequenceLengths">Tokens per request, each at least 0; the batch size is its length.</param>
    /// <param name="overheadBlocks">Fixed cost of a request in a part, in blocks; at least 0.</param>
    /// <param name="parts">Receives one record per part; its length is the number of parts, at least 1.</param>
    /// <param name="splitOffsets">
    /// Receives batch + 1 running totals: request i owns split rows <c>splitOffsets[i] … splitOffsets[i+1]-1</c>.
    /// </param>
    /// <returns>The total number of splits, at most batch + parts.</returns>
    /// <exception cref="ArgumentException">A length is negative or a buffer too short.</exception>
    public static int Compute(
        ReadOnlySpan<int> sequenceLengths,
        int overheadBlocks,
        Span<MlaPartRecord> parts,
        Span<int> splitOffsets
    )
    {
        var batch = sequenceLengths.Length;
        ArgumentOutOfRangeException.ThrowIfNegative(overheadBlocks);
        if (parts.Length < 1)
            throw new ArgumentException("parts: expected at least 1 record, got 0", nameof(parts));
        if (splitOffsets.Length < batch + 1)
            throw new ArgumentException(
                $"splitOffsets: expected at least {batch + 1} elements, got {splitOffsets.Length}",
                nameof(splitOffsets)
            );

        long total = 0;
        for (var i = 0; i < batch; i++)
        {
            if (sequenceLengths[i] < 0)
                throw new ArgumentException(
                    $"sequenceLengths[{i}]: expected a value >= 0, got {sequenceLengths[i]}",
                    nameof(sequenceLengths)
                );
            total += DenseBlocks(sequenceLengths[i]) + overheadBlocks;
        }
        var budget = (total + parts.Length - 1) / parts.Length + overheadBlocks;

        var request = 0;
        var block = 0;
        var split = 0;
        var splits = 0;
        splitOffsets[0] = 0;
        for (var p = 0; p < parts.Length; p++)
        {
            if (request >= batch)
            {
                parts[p] = new MlaPartRecord(batch, batch - 1, 0, 0, 0, 0, 0);
                continue;
            }
            var (beginRequest, beginBlock, beginSplit) = (request, block, split);
            var left = budget;
            while (request < batch)
            {
                var remaining = DenseBlocks(sequenceLengths[request]) - block;
                if (left >= remaining + overheadBlocks)
                {
                    left -= remaining + overheadBlocks;
                    splits += split + 1;
                    splitOffsets[++request] = splits;
                    block = split = 0;
                    continue;
                }
                if (left > overheadBlocks)
                {
                    block += (int)(left - overheadBlocks);
                    split++;
                }
                break;
            }
            var endRequest = block > 0 ? request : request - 1;
            var endBlock = block > 0 ? block : BlocksOrZero(sequenceLengths[endRequest]);
            var first = beginBlock > 0;
            var last = block > 0;
            if (beginRequest == endRequest)
                first = last = first || last;
            parts[p] = new MlaPartRecord(
                beginRequest,
                endRequest,
                beginBlock,
                endBlock,
                beginSplit,
                first ? 1 : 0,
                last ? 1 : 0
            );
        }
        return splits;
    }

    internal static int BlocksOrZero(int length) => length == 0 ? 0 : DenseBlocks(length);
}
