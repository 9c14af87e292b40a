// SPDX-License-Identifier: MIT
using DeepInfra.Gemm.Operands;

namespace DeepInfra.Gemm.Cpu;

/// <summary>The arguments of <see cref="ICpuKernel.Stream"/>.</summary>
internal unsafe struct StreamArguments
{
    public ElementKind Kind;

    /// <summary>Decoded rows of A.</summary>
    public float* A;

    /// <summary>Elements from one decoded row to the next.</summary>
    public int LeadingA;

    /// <summary>Rows of A, 1 to <see cref="TileShape.StreamRows"/>.</summary>
    public int Rows;

    /// <summary>First row of B.</summary>
    public byte* B;

    /// <summary>Bytes from one row of B to the next.</summary>
    public long LeadingB;

    /// <summary>Rows of B, at least 1.</summary>
    public int Columns;

    public int K;

    /// <summary>K elements per scale: a multiple of <see cref="TileShape.StreamChunk"/>.</summary>
    public int ScaleStep;

    /// <summary>[rows][K blocks].</summary>
    public float* ScaleA;

    /// <summary>[columns][K blocks], or one row for all columns.</summary>
    public float* ScaleB;

    /// <summary>K blocks.</summary>
    public int Blocks;

    /// <summary>Elements from one column's scales to the next; 0 if all columns share them.</summary>
    public int LeadingScaleB;

    /// <summary>[rows][LeadingResult].</summary>
    public float* Result;

    public int LeadingResult;
}
