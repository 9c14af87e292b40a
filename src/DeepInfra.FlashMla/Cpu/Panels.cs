// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla.Cpu;

/// <summary>Packs rows as the transposed B operand of <see cref="MatrixKernels{TSimd,TVector}"/>.</summary>
internal static unsafe class Panels
{
    /// <summary>
    /// Writes element (row j, column d) of a tile of 64 rows to <c>panel[j / 32][d][j % 32]</c>: panels of 32 rows
    /// whose columns are consecutive, <c>32·columns</c> floats apart.
    /// </summary>
    public static void Transpose(float* source, int stride, int columns, float* panels)
    {
        for (var j = 0; j < PrefillArguments.Tile; j++)
        {
            var target = panels + (j / 32) * 32L * columns + j % 32;
            var row = source + (long)j * stride;
            for (var d = 0; d < columns; d++)
                target[32L * d] = row[d];
        }
    }
}
