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

    /// <summary>Refuses an output whose elements share memory, or lie where an operation still reads.</summary>
    /// <param name="output">The output.</param>
    /// <param name="name">Its name.</param>
    /// <param name="inputs">What is read while the output is written, with names; null entries are left out.</param>
    public static void RequireOutput(
        Tensor output,
        string name,
        params ReadOnlySpan<(Tensor? Tensor, string Name)> inputs
    )
    {
        if (MemoryOverlap.WithinItself(output))
            throw new ArgumentException(
                $"{name}: expected elements that do not overlap, got strides {output.Strides}",
                name
            );
        foreach (var (input, inputName) in inputs)
            if (input is not null && MemoryOverlap.Possible(output, input))
                throw new ArgumentException(
                    $"{name}: expected other memory than {inputName}",
                    name
                );
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
