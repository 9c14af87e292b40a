// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla;

/// <summary>
/// One sequence of tokens in a <see cref="PagedMlaKvCache"/>: its length and the blocks that hold it. Made and changed by
/// the cache's methods. One thread at a time may use a sequence; different sequences are independent.
/// </summary>
public sealed class MlaSequence
{
    private int[] _blocks = [];

    internal MlaSequence(PagedMlaKvCache owner) => Owner = owner;

    /// <summary>Tokens.</summary>
    public int Length { get; internal set; }

    /// <summary>Blocks held; may be more than the length needs after a reservation.</summary>
    public int BlockCount { get; private set; }

    /// <summary>Block numbers in token order; valid until the sequence changes.</summary>
    public ReadOnlySpan<int> Blocks => _blocks.AsSpan(0, BlockCount);

    /// <summary>True after <see cref="PagedMlaKvCache.Free"/>.</summary>
    public bool IsFreed { get; internal set; }

    internal PagedMlaKvCache Owner { get; }

    /// <summary>Makes room for more blocks and returns it; <see cref="Commit"/> takes it into the list.</summary>
    internal Span<int> Grow(int count)
    {
        var needed = BlockCount + count;
        if (needed > _blocks.Length)
            Array.Resize(ref _blocks, Math.Max(needed, _blocks.Length * 2));
        return _blocks.AsSpan(BlockCount, count);
    }

    internal void Commit(int count) => BlockCount += count;

    internal void Replace(int index, int block) => _blocks[index] = block;

    internal void Shrink(int blockCount) => BlockCount = blockCount;
}
