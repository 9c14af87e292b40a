// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;
using DeepInfra.Gemm.Operands;

namespace DeepInfra.Gemm.Cpu;

/// <summary>
/// Scalar code with the arithmetic of the vector tiers (<see cref="SimdTier.Reference"/>): what they compute, one element at a
/// time.
/// </summary>
internal readonly unsafe struct KernelScalar : ICpuKernel
{
    private const int TileColumns = 8;

    public static int MaxRows => 4;
    public static int Columns => TileColumns;
    public static bool CanStream => false;

    private static void Decode(ElementKind kind, byte* source, float* target, int count)
    {
        if (kind == ElementKind.BFloat16)
        {
            for (var i = 0; i < count; i++)
                target[i] = BitConverter.UInt32BitsToSingle((uint)((ushort*)source)[i] << 16);
            return;
        }
        var values = Fp8Tables.Values;
        for (var i = 0; i < count; i++)
            target[i] = values[source[i]];
    }

    public static void PackRows(
        ElementKind kind,
        byte* source,
        long leadingBytes,
        int rows,
        int depth,
        float* target
    )
    {
        for (var row = 0; row < rows; row++)
            Decode(kind, source + row * leadingBytes, target + row * TileShape.Depth, depth);
    }

    public static void PackColumns(
        ElementKind kind,
        byte* source,
        long leadingBytes,
        int width,
        int depth,
        float* target,
        int stride
    )
    {
        for (var k = 0; k < depth; k++)
            Decode(kind, source + k * leadingBytes, target + k * stride, width);
    }

    public static void PackTransposed(
        ElementKind kind,
        byte* source,
        long leadingBytes,
        int rows,
        int depth,
        float* target,
        float* stage
    )
    {
        for (var row = 0; row < rows; row++)
        {
            Decode(kind, source + row * leadingBytes, stage, depth);
            for (var k = 0; k < depth; k++)
                target[k * TileColumns + row] = stage[k];
        }
    }

    public static void Multiply(
        int rows,
        bool rowPanel,
        float* a,
        float* b,
        int depth,
        float* tile,
        float* scaleA,
        float* scaleB,
        bool first
    )
    {
        var rowStride = rowPanel ? TileShape.Depth : 1;
        var depthStride = rowPanel ? 1 : TileShape.ColumnPanelStride;
        for (var row = 0; row < rows; row++)
        for (var column = 0; column < TileColumns; column++)
        {
            var sum = 0f;
            for (var k = 0; k < depth; k++)
                // Products of the supported element types are exact in binary32: no fused operation is needed here.
                sum += a[row * rowStride + k * depthStride] * b[k * TileColumns + column];
            var scale = scaleA[row] * scaleB[column];
            ref var element = ref tile[row * TileColumns + column];
            element = first ? scale * sum : float.MultiplyAddEstimate(scale, sum, element);
        }
    }

    public static void DecodeForStream(ElementKind kind, byte* source, int count, float* target) =>
        throw new NotSupportedException("The scalar tier packs B whatever the number of rows.");

    public static void Stream(ref StreamArguments arguments) =>
        throw new NotSupportedException("The scalar tier packs B whatever the number of rows.");
}
