// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla;

/// <summary>Conversion of index lists. Thread-safe.</summary>
public static unsafe class SparseIndices
{
    /// <summary>Converts token positions of requests to cache slots: <c>table[b, t / page] · page + t % page</c>.</summary>
    /// <param name="logical">Int32 <c>[b, s, topk]</c>, any strides: positions; negative values mean "none".</param>
    /// <param name="blockTable">Int32 <c>[b, blocks]</c>, any strides.</param>
    /// <param name="pageSize">Tokens per block, at least 1.</param>
    /// <param name="output">Receives <c>[b, s, topk]</c>, any strides; may be <paramref name="logical"/> itself; null allocates. Negative positions become -1.</param>
    /// <returns>The slots.</returns>
    /// <exception cref="ArgumentException">A shape is wrong, a position lies behind the block table, a slot does not fit 31 bits, or the output shares memory; nothing was written then.</exception>
    /// <exception cref="NotSupportedException">CUDA tensors.</exception>
    public static Tensor<int> FromLogical(
        Tensor<int> logical,
        Tensor<int> blockTable,
        int pageSize,
        Tensor<int>? output = null
    )
    {
        ArgumentCheck.Alive(logical);
        ArgumentCheck.Alive(blockTable);
        ArgumentCheck.Rank(logical, 3, "[b, s, topk]", nameof(logical));
        ArgumentCheck.Rank(blockTable, 2, "[b, blocks]", nameof(blockTable));
        ArgumentCheck.Shape(
            blockTable,
            blockTable.Shape.With(0, logical.Shape[0]),
            nameof(blockTable)
        );
        ArgumentCheck.OnCpu(logical, nameof(logical));
        ArgumentCheck.OnCpu(blockTable, nameof(blockTable));
        ArgumentOutOfRangeException.ThrowIfLessThan(pageSize, 1);
        if (output is not null)
        {
            ArgumentCheck.Alive(output);
            ArgumentCheck.Shape(output, logical.Shape, nameof(output));
            ArgumentCheck.OnCpu(output, nameof(output));
            ArgumentCheck.NoRepetition(output, nameof(output));
            ArgumentCheck.Separate(output, nameof(output), blockTable, nameof(blockTable));
            if (output.DataPointer != logical.DataPointer || output.Strides != logical.Strides)
                ArgumentCheck.Separate(output, nameof(output), logical, nameof(logical));
        }
        // Everything is checked before anything is written.
        Convert(logical, blockTable, pageSize, null);
        output ??= Tensor<int>.Create(logical.Shape, zeroed: false);
        Convert(logical, blockTable, pageSize, output);
        return output;
    }

    private static void Convert(
        Tensor<int> logical,
        Tensor<int> blockTable,
        int pageSize,
        Tensor<int>? output
    )
    {
        for (long b = 0; b < logical.Shape[0]; b++)
        for (long s = 0; s < logical.Shape[1]; s++)
        for (long i = 0; i < logical.Shape[2]; i++)
        {
            var position = logical.DataPointer[Offset(logical.Strides, b, s, i)];
            var slot =
                position < 0 ? -1 : Slot(blockTable, b, s, i, position, pageSize, nameof(logical));
            if (output is not null)
                output.DataPointer[Offset(output.Strides, b, s, i)] = slot;
        }
    }

    private static int Slot(
        Tensor<int> blockTable,
        long b,
        long s,
        long i,
        int position,
        int pageSize,
        string name
    )
    {
        var entry = position / pageSize;
        if (entry >= blockTable.Shape[1])
            throw new ArgumentException(
                $"logical[{b},{s},{i}]: position {position} lies behind the {blockTable.Shape[1]} blocks of {pageSize} tokens in blockTable",
                name
            );
        var block = blockTable.DataPointer[
            b * blockTable.Strides[0] + entry * blockTable.Strides[1]
        ];
        var slot = (long)block * pageSize + position % pageSize;
        return block >= 0 && slot <= int.MaxValue
            ? (int)slot
            : throw new ArgumentException(
                $"blockTable[{b},{entry}]: expected a block whose slots fit 31 bits, got {block}",
                nameof(blockTable)
            );
    }

    private static long Offset(Strides strides, long b, long s, long i) =>
        b * strides[0] + s * strides[1] + i * strides[2];
}
