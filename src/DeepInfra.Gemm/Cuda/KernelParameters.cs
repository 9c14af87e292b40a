// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.Gemm.Cuda;

// Parameter blocks of the kernels below native/gemm/jit, field by field.

/// <summary><c>di::gemm::OutputParams</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct OutputParameters
{
    public void* D;
    public void* C;
    public void* Bias;
    public long StrideD;
    public long StrideC;
    public int M;
    public int N;

    /// <summary>0 Float32, 1 BFloat16.</summary>
    public int Type;

    public int BiasType;
}

/// <summary><c>di::gemm::CodesParams</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CodesParameters
{
    public void* Data;

    /// <summary>Bytes.</summary>
    public long Stride;

    public int Mn;
    public int K;
}

/// <summary><c>di::gemm::ScaleParams</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ScaleParameters
{
    public void* Data;
    public long StrideMn;
    public long StrideK;
    public int GranMn;
    public int GranK;

    /// <summary>A <see cref="Operands.ScaleKind"/>.</summary>
    public int Kind;

    public int Reserved;
}

/// <summary><c>di::gemm::Fp8GemmParams</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Fp8Parameters
{
    public CodesParameters A;
    public CodesParameters B;
    public ScaleParameters ScalesA;
    public ScaleParameters ScalesB;
    public OutputParameters Output;
    public int RowBlocks;
    public int Reserved;
}

/// <summary><c>di::gemm::Bf16GemmParams</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Bf16Parameters
{
    public OutputParameters Output;
    public int RowBlocks;
    public int KBlocks;
}
