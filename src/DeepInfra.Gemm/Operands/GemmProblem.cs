// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Gemm.Operands;

/// <summary>
/// A validated multiplication D = C + bias + A·B over one or more segments. Plain data: it lives on the stack
/// of the calling thread while the workers read it.
/// </summary>
internal unsafe struct GemmProblem
{
    public ElementKind KindA;
    public ElementKind KindB;

    /// <summary>True if K is the contiguous dimension.</summary>
    public bool KMajorA;

    public bool KMajorB;
    public ScaleSource ScaleA;
    public ScaleSource ScaleB;
    public int N;

    /// <summary><see cref="DType.Float32"/> or <see cref="DType.BFloat16"/>; also the type of C.</summary>
    public DType OutputType;

    /// <summary>Elements from one row of D to the next.</summary>
    public long LeadingD;

    public long LeadingC;

    /// <summary>Null if there is none.</summary>
    public byte* Bias;

    public DType BiasType;
    public GemmSegment* Segments;
    public int SegmentCount;
    public int ColumnTile;
    public int ColumnTiles;
    public int TaskCount;

    /// <summary>Elements along K that share one pair of scales.</summary>
    public readonly int ScaleStep => Math.Min(ScaleA.GranK, ScaleB.GranK);

    /// <summary>Multiply-adds count twice.</summary>
    public readonly long Flops
    {
        get
        {
            long total = 0;
            for (var i = 0; i < SegmentCount; i++)
                total += 2L * Segments[i].M * Segments[i].K * N;
            return total;
        }
    }
}
