// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using DeepInfra.Core;
using DeepInfra.Gemm.Operands;

namespace DeepInfra.Gemm;

/// <summary>
/// Conversions of scale factors and packed codes into the layouts that GPU kernels load. The CPU backend takes every
/// layout, so these are for programs that prepare data for both. Tensors on the CPU; thread-safe. The layouts are those
/// of DeepGEMM.
/// </summary>
[SuppressMessage(
    "Performance",
    "CA1822:Mark members as static",
    Justification = "Operators of a context: on a GPU they belong to its device."
)]
public sealed class LayoutOperators
{
    /// <summary>Bytes of the smallest transfer of the tensor memory accelerator.</summary>
    private const int TransferBytes = 16;

    private readonly int _mkAlignment;

    internal LayoutOperators(int mkAlignment) => _mkAlignment = mkAlignment;

    /// <summary>Rounds a number of elements up to whole transfers of 16 bytes.</summary>
    /// <param name="count">Elements.</param>
    /// <param name="elementBytes">Bytes per element: 1, 2, 4, 8 or 16.</param>
    /// <exception cref="ArgumentOutOfRangeException">The count is negative, or the size is not one of these.</exception>
    public static long GetTmaAlignedSize(long count, int elementBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        if (elementBytes < 1 || elementBytes > TransferBytes || !BitOperations.IsPow2(elementBytes))
            throw new ArgumentOutOfRangeException(
                nameof(elementBytes),
                $"elementBytes: expected 1, 2, 4, 8 or 16, got {elementBytes}"
            );
        var elements = TransferBytes / elementBytes;
        return OperandReader.DivideUp(count, elements) * elements;
    }

    /// <summary>
    /// Scales with M or N contiguous: strides (1, <see cref="GetTmaAlignedSize"/> of M or N), groups one after the other.
    /// </summary>
    /// <param name="scales">[MN, K blocks] or [G, MN, K blocks], any strides.</param>
    /// <returns>The argument itself if it already has this layout, else a new tensor of the same shape. Padding is undefined.</returns>
    /// <exception cref="ArgumentException">Neither rank 2 nor rank 3.</exception>
    public Tensor<float> GetMnMajorTmaAlignedTensor(Tensor<float> scales)
    {
        RequireRank(scales);
        if (HasMnMajorLayout(scales))
            return scales;
        RequireCpu(scales, nameof(scales));
        var aligned = CreateMnMajor<float>(scales.Shape);
        scales.CopyTo(aligned);
        return aligned;
    }

    /// <summary>
    /// Packs Float32 scales into words of four UE8M0 exponents along K, the first in the lowest byte, with M or N contiguous
    /// as in <see cref="GetMnMajorTmaAlignedTensor"/>.
    /// </summary>
    /// <param name="scales">[MN, K blocks] or [G, MN, K blocks], any strides: powers of two, or 0 (which becomes code 0, 2^-127).</param>
    /// <param name="groups">
    /// For [MN, K blocks] of grouped rows: rows in the gaps between groups, whose starts have the alignment of the context, may hold anything and become code 0.
    /// </param>
    /// <returns>[MN, ceil(K blocks/4)] or [G, MN, ceil(K blocks/4)]; missing blocks are code 0.</returns>
    /// <exception cref="ScaleNotPowerOfTwoException">A scale has a sign or a mantissa, or is not finite.</exception>
    /// <exception cref="ArgumentException">Wrong rank or ends.</exception>
    /// <exception cref="NotSupportedException">A tensor on another device than the CPU.</exception>
    public Tensor<int> PackUe8m0(Tensor<float> scales, PrefixSumLayout? groups = null)
    {
        RequireRank(scales);
        if (groups is not null && scales.Rank != 2)
            throw new ArgumentException(
                $"scales: groups of rows need [MN, K blocks], got {scales.Shape}",
                nameof(scales)
            );
        RequireCpu(scales, nameof(scales));
        var ends = groups is null
            ? default
            : OperandReader.ReadIntegers(
                groups.Ends,
                groups.Ends?.ElementCount ?? 0,
                nameof(groups.Ends)
            );
        CheckEnds(ends, scales.Shape[-2]);
        var words = CreateMnMajor<int>(
            scales.Shape.With(-1, OperandReader.DivideUp(scales.Shape[-1], 4))
        );
        try
        {
            var batches = scales.Rank == 3 ? scales.Shape[0] : 1;
            for (long batch = 0; batch < batches; batch++)
                Pack(scales, words, batch, ends, _mkAlignment);
        }
        catch
        {
            words.Dispose();
            throw;
        }
        GC.KeepAlive(groups);
        return words;
    }

    /// <summary>Unpacks words of UE8M0 exponents; code 0 is 2^-127, code 255 is NaN.</summary>
    /// <param name="words">[MN, words] or [G, MN, words], any strides.</param>
    /// <param name="blocks">K blocks, at most four per word.</param>
    /// <returns>[MN, blocks] or [G, MN, blocks], compact.</returns>
    /// <exception cref="ArgumentException">Wrong rank.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Not between 0 and four per word.</exception>
    public Tensor<float> UnpackUe8m0(Tensor<int> words, int blocks)
    {
        RequireRank(words);
        if (blocks < 0 || blocks > 4 * words.Shape[-1])
            throw new ArgumentOutOfRangeException(
                nameof(blocks),
                $"blocks: expected 0 to {4 * words.Shape[-1]}, got {blocks}"
            );
        RequireCpu(words, nameof(words));
        var scales = Tensor<float>.Create(words.Shape.With(-1, blocks), zeroed: false);
        var target = scales.AsSpan();
        using var compact = words.ToContiguous();
        var source = compact.AsSpan();
        var rowWords = checked((int)words.Shape[-1]);
        for (var i = 0; i < target.Length; i++)
        {
            var (row, block) = Math.DivRem(i, blocks);
            var word = source[row * rowWords + block / 4];
            target[i] = (float)Float8E8M0.FromBits((byte)(word >> (8 * (block % 4))));
        }
        return scales;
    }

    /// <summary>Packs the scales of groups along K: every group begins at words of its own.</summary>
    /// <param name="scales">[sum over groups of ceil(K/granK), MN], any strides: powers of two, or 0.</param>
    /// <param name="ks">K of every group.</param>
    /// <param name="granK">Elements along K per scale.</param>
    /// <returns>[sum over groups of ceil(K/(4·granK)), MN], compact; missing blocks are code 0.</returns>
    /// <exception cref="ScaleNotPowerOfTwoException">A scale has a sign or a mantissa, or is not finite.</exception>
    /// <exception cref="ArgumentException">The shape does not fit the groups.</exception>
    public Tensor<int> PackKGroupedUe8m0(
        Tensor<float> scales,
        ReadOnlySpan<int> ks,
        int granK = 128
    )
    {
        ArgumentNullException.ThrowIfNull(scales);
        if (granK is < 1 or > int.MaxValue / 4)
            throw new ArgumentOutOfRangeException(
                nameof(granK),
                $"granK: expected 1 to {int.MaxValue / 4}, got {granK}"
            );
        Span<int> bounds = ks.Length <= 64 ? stackalloc int[2 * ks.Length] : new int[2 * ks.Length];
        var ranges = KRanges.FromLengths(ks, ks.Length, bounds);
        if (scales.Rank != 2 || scales.Shape[0] != ranges.Blocks(granK))
            throw new ArgumentException(
                $"scales: expected [{ranges.Blocks(granK)}, MN] for these groups, got {scales.Shape}",
                nameof(scales)
            );
        RequireCpu(scales, nameof(scales));
        var words = Tensor<int>.Create([ranges.Blocks(4 * granK), scales.Shape[1]]);
        try
        {
            long row = 0,
                wordRow = 0;
            for (var group = 0; group < ranges.Count; group++)
            {
                var blocks = OperandReader.DivideUp(ranges[group].Length, granK);
                var groupWords = OperandReader.DivideUp(blocks, 4);
                Pack(
                    scales.AsSlice(0, row, blocks).AsTransposed(),
                    words.AsSlice(0, wordRow, groupWords).AsTransposed(),
                    batch: 0,
                    ends: default,
                    alignment: 1
                );
                row += blocks;
                wordRow += groupWords;
            }
        }
        catch
        {
            words.Dispose();
            throw;
        }
        return words;
    }

    /// <summary>Changes which dimension of a matrix of FP4 codes shares bytes: [R, C/2] packed along C becomes [C, R/2] packed along R.</summary>
    /// <param name="packed">UInt8 [R, C/2], any strides, R even.</param>
    /// <returns>[C, R/2], compact: the transposed matrix.</returns>
    /// <exception cref="ArgumentException">Not rank 2, or an odd number of rows.</exception>
    public Tensor<byte> TransposePackedFp4(Tensor<byte> packed)
    {
        ArgumentNullException.ThrowIfNull(packed);
        if (packed.Rank != 2 || packed.Shape[0] % 2 != 0)
            throw new ArgumentException(
                $"packed: expected [rows, bytes] with an even number of rows, got {packed.Shape}",
                nameof(packed)
            );
        RequireCpu(packed, nameof(packed));
        using var compact = packed.ToContiguous();
        var source = compact.AsReadOnlyView();
        var result = Tensor<byte>.Create([2 * packed.Shape[1], packed.Shape[0] / 2], zeroed: false);
        var target = result.AsView();
        for (long pair = 0; pair < packed.Shape[0] / 2; pair++)
        {
            var even = source.Row(2 * pair);
            var odd = source.Row(2 * pair + 1);
            for (var i = 0; i < even.Length; i++)
            {
                target.Row(2 * i)[(int)pair] = (byte)((even[i] & 0xF) | (odd[i] << 4));
                target.Row(2 * i + 1)[(int)pair] = (byte)((even[i] >> 4) | (odd[i] & 0xF0));
            }
        }
        return result;
    }

    private static unsafe void Pack(
        Tensor<float> scales,
        Tensor<int> words,
        long batch,
        ReadOnlySpan<int> ends,
        int alignment
    )
    {
        long rows = scales.Shape[-2],
            blocks = scales.Shape[-1];
        var source = scales.DataPointer + (scales.Rank == 3 ? batch * scales.Strides[0] : 0);
        var target = words.DataPointer + (words.Rank == 3 ? batch * words.Strides[0] : 0);
        var group = 0;
        long groupStart = 0;
        for (long row = 0; row < rows; row++)
        {
            while (group < ends.Length && row >= ends[group])
            {
                groupStart = OperandReader.DivideUp(ends[group], alignment) * alignment;
                group++;
            }
            var isGap = !ends.IsEmpty && (group == ends.Length || row < groupStart);
            for (long word = 0; word < words.Shape[-1]; word++)
            {
                uint bits = 0;
                for (var i = 0; i < 4 && 4 * word + i < blocks && !isGap; i++)
                {
                    var block = 4 * word + i;
                    var scale = source[row * scales.Strides[-2] + block * scales.Strides[-1]];
                    bits |= Exponent(scale, row, block) << (8 * i);
                }
                target[row * words.Strides[-2] + word * words.Strides[-1]] = (int)bits;
            }
        }
        GC.KeepAlive(scales);
        GC.KeepAlive(words);
    }

    private static uint Exponent(float scale, long row, long block)
    {
        var bits = BitConverter.SingleToUInt32Bits(scale);
        // 2^-127 is subnormal in binary32; its code is 0, which 0 itself takes too.
        if (bits == 0x0040_0000)
            return 0;
        if ((bits & 0x807F_FFFF) != 0 || bits >> 23 == 0xFF)
            throw new ScaleNotPowerOfTwoException(scale, row, block);
        return bits >> 23;
    }

    private static unsafe Tensor<T> CreateMnMajor<T>(Shape shape)
        where T : unmanaged
    {
        var leading = GetTmaAlignedSize(shape[-2], sizeof(T));
        Tensor<T> storage;
        // The tensor that wraps the memory releases it, also where a scope ends and the wrapper stays.
        using (TensorScope.Suspend())
#pragma warning disable CA2000 // released by the wrapper
            storage = Tensor<T>.Create(
                shape.Rank == 3 ? [shape[0], shape[-1], leading] : [shape[-1], leading]
            );
#pragma warning restore CA2000
        return Tensor<T>.Wrap(
            storage.DataPointer,
            shape,
            MnMajorStrides(shape, leading),
            storage.Dispose
        );
    }

    private static Strides MnMajorStrides(Shape shape, long leading) =>
        shape.Rank == 3 ? new Strides(leading * shape[-1], 1, leading) : new Strides(1, leading);

    private static unsafe bool HasMnMajorLayout<T>(Tensor<T> scales)
        where T : unmanaged
    {
        var expected = MnMajorStrides(scales.Shape, GetTmaAlignedSize(scales.Shape[-2], sizeof(T)));
        for (var i = 0; i < scales.Rank; i++)
            if (scales.Shape[i] > 1 && scales.Strides[i] != expected[i])
                return false;
        return (nuint)scales.DataPointer % TransferBytes == 0;
    }

    private void CheckEnds(ReadOnlySpan<int> ends, long rows)
    {
        long start = 0;
        for (var group = 0; group < ends.Length; group++)
        {
            KRanges.CheckEnd(ends, group, start, (int)Math.Min(rows, int.MaxValue));
            start = OperandReader.DivideUp(ends[group], _mkAlignment) * _mkAlignment;
        }
    }

    private static void RequireCpu(Tensor tensor, string name)
    {
        ObjectDisposedException.ThrowIf(tensor.IsDisposed, tensor);
        if (!tensor.Device.IsCpu)
            throw new NotSupportedException(
                $"{name}: layouts are converted on the CPU, got a tensor on {tensor.Device}"
            );
    }

    private static void RequireRank(Tensor scales)
    {
        ArgumentNullException.ThrowIfNull(scales);
        if (scales.Rank is not (2 or 3))
            throw new ArgumentException(
                $"scales: expected [MN, K blocks] or [groups, MN, K blocks], got {scales.Shape}",
                nameof(scales)
            );
    }
}
