// SPDX-License-Identifier: MIT
namespace DeepInfra.Gemm.Operands;

/// <summary>A validated A or B, seen as [groups][MN][K] whatever the layout of the call.</summary>
internal unsafe struct MatrixOperand
{
    public byte* Data;
    public ElementKind Kind;

    /// <summary>True if K is the contiguous dimension.</summary>
    public bool KMajor;

    /// <summary>True if groups along K lie one after the other, each [MN][K of the group].</summary>
    public bool IsFlat;

    public int Groups;
    public int Mn;
    public int K;

    /// <summary>Elements between neighbours along the dimension that is not contiguous.</summary>
    public long Leading;

    /// <summary>Elements from one group to the next.</summary>
    public long GroupStride;

    /// <summary>Bytes of a whole, even number of elements.</summary>
    public readonly long Bytes(long elements) =>
        Kind switch
        {
            ElementKind.BFloat16 => elements * 2,
            ElementKind.Float4E2M1 => elements / 2,
            _ => elements,
        };

    /// <summary>The address at a group, row and k.</summary>
    public readonly byte* At(int group, long mn, long k) =>
        Data + Bytes(group * GroupStride + (KMajor ? mn * Leading + k : k * Leading + mn));
}
