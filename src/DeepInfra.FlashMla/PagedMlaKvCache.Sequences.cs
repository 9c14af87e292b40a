// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;

namespace DeepInfra.FlashMla;

public sealed unsafe partial class PagedMlaKvCache
{
    /// <summary>Starts an empty sequence.</summary>
    public MlaSequence CreateSequence() => new(this);

    /// <summary>
    /// Makes sure that a sequence can grow by some tokens: takes blocks from the allocator and gives the sequence its own copy of
    /// a shared last block that it is about to write into.
    /// </summary>
    /// <param name="sequence">A live sequence of this cache.</param>
    /// <param name="tokens">Tokens to make room for behind the current length, at least 0.</param>
    /// <returns>False if there are too few free blocks; nothing changed then.</returns>
    /// <exception cref="BlockOwnershipException">The sequence was freed or belongs to another cache.</exception>
    /// <exception cref="InvalidOperationException">The cache is in device memory: the overload with a stream is for those.</exception>
    public bool TryReserve(MlaSequence sequence, int tokens)
    {
        RequireHostOverload("TryReserve(sequence, tokens, stream)");
        return Reserve(sequence, tokens, null);
    }

    private bool Reserve(MlaSequence sequence, int tokens, CudaStream? stream)
    {
        RequireOwned(sequence);
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        var needed = ((long)sequence.Length + tokens + PageSize - 1) / PageSize;
        // Checked before the list of blocks grows to a length that cannot be had anyway.
        if (needed - sequence.BlockCount > Allocator.FreeBlocks)
            return false;
        var missing = (int)Math.Max(0, needed - sequence.BlockCount);
        // The block that the first new token goes to; it may exist already and be shared with a fork.
        var writeIndex = sequence.Length / PageSize;
        var copies =
            tokens > 0
            && writeIndex < sequence.BlockCount
            && Allocator.ReferenceCount(sequence.Blocks[writeIndex]) > 1
                ? 1
                : 0;
        var room = sequence.Grow(missing + copies);
        if (!Allocator.TryReserve(room))
            return false;
        try
        {
            if (Options.ClearBlocks)
                foreach (var block in room[..missing])
                    Clear(block, stream);
            if (copies == 1)
                CopyBlock(sequence.Blocks[writeIndex], room[missing], stream);
        }
        catch
        {
            // The memory or the stream is gone; the sequence stays as it was.
            foreach (var block in room)
                Allocator.Release(block);
            throw;
        }
        if (copies == 1)
        {
            var shared = sequence.Blocks[writeIndex];
            sequence.Replace(writeIndex, room[missing]);
            Allocator.Release(shared);
        }
        sequence.Commit(missing);
        return true;
    }

    /// <summary>Lengthens a sequence, so that the new tokens can be appended layer by layer.</summary>
    /// <param name="sequence">A live sequence of this cache.</param>
    /// <param name="tokens">New tokens, at least 0.</param>
    /// <returns>False if there are too few free blocks; nothing changed then.</returns>
    /// <exception cref="InvalidOperationException">The cache is in device memory: the overload with a stream is for those.</exception>
    public bool TryExtend(MlaSequence sequence, int tokens)
    {
        RequireHostOverload("TryExtend(sequence, tokens, stream)");
        if (!TryReserve(sequence, tokens))
            return false;
        sequence.Length += tokens;
        return true;
    }

    /// <summary>Lengthens a sequence, or throws.</summary>
    /// <param name="sequence">A live sequence of this cache.</param>
    /// <param name="tokens">New tokens, at least 0.</param>
    /// <exception cref="KvCacheFullException">Too few free blocks; nothing changed.</exception>
    /// <exception cref="InvalidOperationException">The cache is in device memory: the overload with a stream is for those.</exception>
    public void Extend(MlaSequence sequence, int tokens)
    {
        RequireHostOverload("Extend(sequence, tokens, stream)");
        if (!TryExtend(sequence, tokens))
            throw Full(sequence, tokens);
    }

    private KvCacheFullException Full(MlaSequence sequence, int tokens) =>
        new(
            $"A sequence of {sequence.Length} tokens cannot grow by {tokens}: {Allocator.FreeBlocks} of {BlockCount} blocks of {PageSize} tokens are free."
        );

    /// <summary>
    /// Makes a second sequence with the same tokens. Full blocks stay shared for good; whoever first writes into a shared last
    /// block gets its own copy of it.
    /// </summary>
    /// <param name="sequence">A live sequence of this cache.</param>
    public MlaSequence Fork(MlaSequence sequence)
    {
        RequireOwned(sequence);
        var fork = new MlaSequence(this);
        var count = BlocksFor(sequence.Length);
        var room = fork.Grow(count);
        for (var i = 0; i < count; i++)
        {
            room[i] = sequence.Blocks[i];
            Allocator.AddReference(room[i]);
        }
        fork.Commit(count);
        fork.Length = sequence.Length;
        return fork;
    }

    /// <summary>Drops the last tokens, for instance rejected drafts, and frees blocks that are no longer needed.</summary>
    /// <param name="sequence">A live sequence of this cache.</param>
    /// <param name="length">The new length, at most the current one.</param>
    /// <exception cref="ArgumentOutOfRangeException">The length is negative or larger than the current one.</exception>
    public void Truncate(MlaSequence sequence, int length)
    {
        RequireOwned(sequence);
        if (length < 0 || length > sequence.Length)
            throw new ArgumentOutOfRangeException(
                nameof(length),
                $"length: expected a value in [0,{sequence.Length}], got {length}"
            );
        var keep = BlocksFor(length);
        for (var i = keep; i < sequence.BlockCount; i++)
            Allocator.Release(sequence.Blocks[i]);
        sequence.Shrink(keep);
        sequence.Length = length;
    }

    /// <summary>Ends a sequence and gives its blocks back.</summary>
    /// <param name="sequence">A live sequence of this cache.</param>
    /// <exception cref="BlockOwnershipException">The sequence was freed already or belongs to another cache.</exception>
    public void Free(MlaSequence sequence)
    {
        RequireOwned(sequence);
        Truncate(sequence, 0);
        sequence.IsFreed = true;
    }

    /// <summary>Writes the slots (block · page + offset) of consecutive tokens.</summary>
    /// <param name="sequence">A live sequence of this cache.</param>
    /// <param name="position">First token.</param>
    /// <param name="slots">Receives one slot per token.</param>
    /// <exception cref="ArgumentOutOfRangeException">The tokens are not all inside the sequence.</exception>
    public void GetSlots(MlaSequence sequence, int position, Span<int> slots)
    {
        RequireOwned(sequence);
        RequireRange(sequence, position, slots.Length);
        for (var i = 0; i < slots.Length; i++)
            slots[i] = SlotOf(sequence, position + i);
    }

    internal int SlotOf(MlaSequence sequence, int token) =>
        checked(sequence.Blocks[token / PageSize] * PageSize + token % PageSize);

    internal void RequireOwned(MlaSequence sequence)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        if (sequence.Owner != this)
            throw new BlockOwnershipException("The sequence belongs to another cache.");
        if (sequence.IsFreed)
            throw new BlockOwnershipException("The sequence was freed.");
    }

    private static void RequireRange(MlaSequence sequence, int position, int count)
    {
        if (position < 0 || position > sequence.Length - count)
            throw new ArgumentOutOfRangeException(
                nameof(position),
                $"position: expected tokens inside [0,{sequence.Length}), got [{position},{(long)position + count})"
            );
    }

    private int BlocksFor(int length) => (int)(((long)length + PageSize - 1) / PageSize);
}
