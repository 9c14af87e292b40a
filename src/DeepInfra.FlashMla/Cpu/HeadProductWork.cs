// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>
/// out[t,h,:N] = rows[t,h,:K]·weights[h,K,N], and the columns behind K copied behind N. One item is (head, block of 128 columns): its
/// weights are converted once and serve all tokens.
/// </summary>
internal unsafe struct HeadProductWork<TSimd, TVector> : ICpuWork
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    private const int ColumnBlock = 128;
    private const int Tile = 64;

    public HeadRows Rows;

    /// <summary>Row k of head h.</summary>
    public HeadRows Weights;
    public HeadRows Output;
    public long Tokens;
    public int Heads;
    public int Terms;
    public int Columns;

    /// <summary>Columns behind the multiplied ones that are copied.</summary>
    public int Tail;

    public readonly int ItemCount => checked(Heads * ColumnBlocks);

    // Without columns to multiply the tail is still to be copied.
    private readonly int ColumnBlocks =>
        Columns == 0 && Tail > 0 ? 1 : (Columns + ColumnBlock - 1) / ColumnBlock;

    public readonly void Execute(int item, int worker)
    {
        var head = item / ColumnBlocks;
        var firstColumn = item % ColumnBlocks * ColumnBlock;
        var columns = Math.Min(ColumnBlock, Columns - firstColumn);
        var padded = PrefillArguments.RoundUp(columns, 32);
        var weightRow = padded + 16;
        using var memory = KernelScratch.Rent(
            sizeof(float)
                * ((long)Terms * weightRow + (long)Tile * Terms + (long)Tile * padded + Tail)
        );
        var input = (float*)memory.Pointer;
        var weights = input + (long)Tile * Terms;
        var output = weights + (long)Terms * weightRow;
        var tail = output + (long)Tile * padded;

        var slice = Weights.From(firstColumn);
        slice.ReadTile(0, head, Terms, columns, weights, weightRow, Terms);
        var target = Output.From(firstColumn);
        for (long token = 0; token < Tokens; token += Tile)
        {
            var count = (int)Math.Min(Tile, Tokens - token);
            var rows = PrefillArguments.RoundUp(count, 4);
            Rows.ReadTile(token, head, count, Terms, input, Terms, rows);
            MatrixKernels<TSimd, TVector>.Multiply(
                input,
                Terms,
                1,
                weights,
                weightRow,
                MatrixKernels<TSimd, TVector>.PanelColumns,
                output,
                padded,
                rows,
                padded,
                Terms,
                accumulate: false
            );
            for (var i = 0; i < count; i++)
                target.Write(token + i, head, output + (long)i * padded, columns);
            if (firstColumn != 0 || Tail == 0)
                continue;
            for (var i = 0; i < count; i++)
            {
                Rows.From(Terms).Read(token + i, head, tail, Tail);
                Output.From(Columns).Write(token + i, head, tail, Tail);
            }
        }
    }
}
