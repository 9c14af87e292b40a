// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep.Engine;

/// <summary>Checks of tensors at the public boundary.</summary>
internal static class Validation
{
    public static ArgumentException Wrong(string name, string message) =>
        new($"{name}: {message}", name);

    /// <summary>Rows of any length may follow each other at any distance, but each row must be compact.</summary>
    public static void RequireRows(Tensor tensor, string name)
    {
        RequireUsable(tensor, name);
        if (tensor.Rank != 2)
            throw new ArgumentException($"{name}: expected a tensor of rank 2, got {tensor}", name);
        if (tensor.Shape[1] > 1 && tensor.Strides[1] != 1)
            throw new ArgumentException(
                $"{name}: expected compact rows (inner stride 1), got strides {tensor.Strides}",
                name
            );
        if (tensor.Shape[0] > int.MaxValue)
            throw new ArgumentException(
                $"{name}: expected at most {int.MaxValue} rows, got {tensor.Shape[0]}",
                name
            );
    }

    public static void RequireUsable(Tensor tensor, string name)
    {
        ArgumentNullException.ThrowIfNull(tensor, name);
        ObjectDisposedException.ThrowIf(tensor.IsDisposed, tensor);
        if (!tensor.Device.IsCpu)
            throw new NotSupportedException(
                $"{name}: this transport moves host memory only, got {tensor}"
            );
    }

    public static void RequireShape(
        Tensor tensor,
        string name,
        DType dtype,
        long rows,
        long columns
    )
    {
        RequireUsable(tensor, name);
        if (
            tensor.DType != dtype
            || tensor.Rank != 2
            || tensor.Shape[0] != rows
            || tensor.Shape[1] != columns
        )
            throw new ArgumentException(
                $"{name}: expected {dtype}[{rows},{columns}], got {tensor}",
                name
            );
        RequireRows(tensor, name);
    }

    public static void RequireRowBytes(long rowBytes, string name)
    {
        if (rowBytes == 0 || rowBytes % 16 != 0)
            throw new ArgumentException(
                $"{name}: expected rows of a multiple of 16 bytes, got {rowBytes}",
                name
            );
    }

    public static int RequireExperts(long experts, int ranks, string name)
    {
        if (experts < 1 || experts > ThroughputBuffer.MaxExperts || experts % ranks != 0)
            throw new ArgumentException(
                $"{name}: expected a multiple of {ranks} ranks from {ranks} to {ThroughputBuffer.MaxExperts}, got {experts}",
                name
            );
        if (experts / ranks > ThroughputBuffer.MaxLocalExperts)
            throw new ArgumentException(
                $"{name}: expected at most {ThroughputBuffer.MaxLocalExperts} experts per rank, got {experts / ranks}",
                name
            );
        return (int)experts;
    }

    /// <summary>Global token indices, and selections of a rank, are 32-bit numbers.</summary>
    public static void RequireIndexable(int ranks, int maxTokens, string name)
    {
        var most = int.MaxValue / Math.Max(ranks, ThroughputBuffer.MaxTopK);
        if (maxTokens > most)
            throw new ArgumentOutOfRangeException(
                name,
                $"{name}: expected at most {most} with {ranks} ranks, got {maxTokens}"
            );
    }

    /// <summary>Refuses an output that shares memory with rows that other ranks read meanwhile.</summary>
    public static unsafe void RequireDisjoint(
        Tensor output,
        Tensor rows,
        string name,
        string rowsName
    )
    {
        var (first, end) = Range(output);
        var (otherFirst, otherEnd) = Range(rows);
        if (first < otherEnd && otherFirst < end)
            throw new ArgumentException($"{name}: expected other memory than {rowsName}", name);

        static (nint First, nint End) Range(Tensor tensor)
        {
            if (tensor.Shape[0] == 0)
                return (0, 0);
            var bytes =
                ((tensor.Shape[0] - 1) * tensor.Strides[0] + tensor.Shape[1])
                * DTypes.SizeInBytes(tensor.DType);
            return ((nint)tensor.DataPointer, (nint)tensor.DataPointer + (nint)bytes);
        }
    }

    public static bool RequireIndexType(Tensor tensor, string name)
    {
        if (tensor.DType is not (DType.Int64 or DType.Int32))
            throw new ArgumentException(
                $"{name}: expected Int64 or Int32, got {tensor.DType}",
                name
            );
        return tensor.DType == DType.Int64;
    }
}
