// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla;

/// <summary>
/// Packs sequences into the block table, the lengths and the slots that decode and append take. The tensors are
/// made once per batch size and reused, so a step allocates nothing when warm. Not thread-safe.
/// </summary>
public sealed class BlockTableBuilder : IDisposable
{
    private readonly Tensor<int> _table;
    private readonly Tensor<int> _lengths;
    private readonly Tensor<int> _slots;
    private readonly Tensor<int>?[] _tableViews;
    private readonly Tensor<int>?[] _lengthViews;
    private readonly Tensor<int>?[] _slotViews;

    /// <summary>Creates a builder.</summary>
    /// <param name="maxBatch">Most sequences per step, at least 1.</param>
    /// <param name="maxBlocks">Most blocks per sequence, at least 1.</param>
    /// <param name="maxNewTokens">Most new tokens per sequence and step, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is below 1, or a tensor would exceed 2^31-1 elements.</exception>
    public BlockTableBuilder(int maxBatch, int maxBlocks, int maxNewTokens = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBatch, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBlocks, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxNewTokens, 1);
        RequireRoom(maxBatch, maxBlocks, nameof(maxBlocks));
        RequireRoom(maxBatch, maxNewTokens, nameof(maxNewTokens));
        MaxBatch = maxBatch;
        MaxBlocks = maxBlocks;
        // A builder outlives the scope in which it is made.
        using var suspended = TensorScope.Suspend();
        _table = Tensor<int>.Create([maxBatch, maxBlocks]);
        _lengths = Tensor<int>.Create([maxBatch]);
        _slots = Tensor<int>.Create([checked((long)maxBatch * maxNewTokens)]);
        _tableViews = new Tensor<int>?[maxBatch + 1];
        _lengthViews = new Tensor<int>?[maxBatch + 1];
        _slotViews = new Tensor<int>?[checked(maxBatch * maxNewTokens) + 1];
        Build([]);
    }

    /// <summary>Most sequences per step.</summary>
    public int MaxBatch { get; }

    /// <summary>Most blocks per sequence: the columns of the table.</summary>
    public int MaxBlocks { get; }

    /// <summary>Int32 <c>[b, MaxBlocks]</c> of the last build, -1 behind the blocks of a sequence.</summary>
    public Tensor<int> BlockTable { get; private set; } = null!;

    /// <summary>Int32 <c>[b]</c>: lengths of the last build.</summary>
    public Tensor<int> CacheSeqlens { get; private set; } = null!;

    /// <summary>Int32 <c>[b · new tokens]</c>: slots of the last tokens of each sequence, in token order.</summary>
    public Tensor<int> NewSlots { get; private set; } = null!;

    /// <summary>Packs the current state of the sequences.</summary>
    /// <param name="sequences">Live sequences, at most <see cref="MaxBatch"/>, already extended by their new tokens.</param>
    /// <param name="newTokens">New tokens per sequence, whose slots go to <see cref="NewSlots"/>; 0 for none.</param>
    /// <exception cref="ArgumentException">Too many sequences, a sequence with too many blocks or fewer tokens than are new.</exception>
    public void Build(ReadOnlySpan<MlaSequence> sequences, int newTokens = 0)
    {
        var batch = sequences.Length;
        if (batch > MaxBatch)
            throw new ArgumentException(
                $"sequences: expected at most {MaxBatch}, got {batch}",
                nameof(sequences)
            );
        ArgumentOutOfRangeException.ThrowIfNegative(newTokens);
        if ((long)batch * newTokens > _slots.ElementCount)
            throw new ArgumentOutOfRangeException(
                nameof(newTokens),
                $"newTokens: expected room for at most {_slots.ElementCount} slots, got {batch} x {newTokens}"
            );
        // Everything is checked first: a failed build leaves the tables of the last one whole.
        for (var i = 0; i < batch; i++)
        {
            var sequence = sequences[i];
            ArgumentNullException.ThrowIfNull(sequence, nameof(sequences));
            sequence.Owner.RequireOwned(sequence);
            if (sequence.BlockCount > MaxBlocks)
                throw new ArgumentException(
                    $"sequences[{i}]: expected at most {MaxBlocks} blocks, got {sequence.BlockCount}",
                    nameof(sequences)
                );
            if (sequence.Length < newTokens)
                throw new ArgumentException(
                    $"sequences[{i}]: expected at least {newTokens} tokens, got {sequence.Length}",
                    nameof(sequences)
                );
        }
        var table = _table.AsSpan();
        table[..(batch * MaxBlocks)].Fill(-1);
        for (var i = 0; i < batch; i++)
        {
            var sequence = sequences[i];
            sequence.Blocks.CopyTo(table.Slice(i * MaxBlocks, MaxBlocks));
            _lengths.AsSpan()[i] = sequence.Length;
            sequence.Owner.GetSlots(
                sequence,
                sequence.Length - newTokens,
                _slots.AsSpan().Slice(i * newTokens, newTokens)
            );
        }
        BlockTable = _tableViews[batch] ??= _table.AsSlice(0, 0, batch);
        CacheSeqlens = _lengthViews[batch] ??= _lengths.AsSlice(0, 0, batch);
        NewSlots = _slotViews[batch * newTokens] ??= _slots.AsSlice(0, 0, batch * newTokens);
    }

    private static void RequireRoom(int maxBatch, int perSequence, string name)
    {
        if ((long)maxBatch * perSequence >= Array.MaxLength)
            throw new ArgumentOutOfRangeException(
                name,
                $"{name}: expected fewer than {Array.MaxLength} elements in all, got {maxBatch} sequences of {perSequence}"
            );
    }

    /// <summary>Frees the tensors.</summary>
    public void Dispose()
    {
        _table.Dispose();
        _lengths.Dispose();
        _slots.Dispose();
    }
}
