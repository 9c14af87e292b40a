// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Gemm.Operands;

/// <summary>A validated D or C, seen as [groups][M][N] with N contiguous.</summary>
internal unsafe struct OutputOperand
{
    /// <summary>Null for an absent C.</summary>
    public byte* Data;

    public DType Type;
    public int Groups;
    public int M;
    public int N;

    /// <summary>Elements from one row to the next.</summary>
    public long Leading;

    /// <summary>Elements from one group to the next.</summary>
    public long GroupStride;

    /// <summary>The address of a row.</summary>
    public readonly byte* At(int group, long row) =>
        Data is null
            ? null
            : Data + (group * GroupStride + row * Leading) * (Type == DType.Float32 ? 4 : 2);
}
