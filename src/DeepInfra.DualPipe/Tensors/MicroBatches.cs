// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Tensors;

/// <summary>Splits a batch into micro-batches and puts micro-batches together again. Thread-safe.</summary>
public static class MicroBatches
{
    /// <summary>
    /// Splits a tensor into n parts along a dimension of length L: the first L mod n parts have
    /// floor(L / n) + 1 rows, the rest floor(L / n). Along dimension 0 the parts share the tensor's storage
    /// (the tensor must outlive them); along another dimension they are copies that the caller disposes.
    /// </summary>
    /// <param name="tensor">The batch; null gives n nulls.</param>
    /// <param name="count">Number of parts n, 1 to L.</param>
    /// <param name="dimension">Batch dimension.</param>
    /// <returns>The parts in order.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The dimension does not exist, or L is below n.</exception>
    public static PipelineTensor?[] Split(PipelineTensor? tensor, int count, int dimension = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        var parts = new PipelineTensor?[count];
        if (tensor is null)
        {
            return parts;
        }

        if ((uint)dimension >= (uint)tensor.Shape.Length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(dimension),
                dimension,
                $"{tensor} has {tensor.Shape.Length} dimensions"
            );
        }

        var length = tensor.Shape[dimension];
        if (length < count)
        {
            throw new ArgumentOutOfRangeException(
                nameof(count),
                count,
                $"dimension {dimension} of {tensor} is shorter than the number of micro-batches"
            );
        }

        try
        {
            var start = 0L;
            for (var i = 0; i < count; i++)
            {
                var rows = (length / count) + (i < length % count ? 1 : 0);
                parts[i] = Slice(tensor, dimension, start, rows);
                start += rows;
            }
        }
        catch
        {
            DisposeAll(parts);
            throw;
        }

        return parts;
    }

    /// <summary>Splits every tensor of a list; part i holds micro-batch i of each of them.</summary>
    /// <param name="tensors">The batch; an empty list gives n empty lists.</param>
    /// <param name="count">Number of parts n.</param>
    /// <param name="dimension">Batch dimension.</param>
    /// <returns>One list per micro-batch.</returns>
    /// <exception cref="ArgumentOutOfRangeException">As the other overload.</exception>
    public static TensorList[] Split(TensorList tensors, int count, int dimension = 0)
    {
        var columns = new PipelineTensor?[]?[tensors.Count];
        try
        {
            for (var i = 0; i < columns.Length; i++)
            {
                columns[i] = Split(tensors[i], count, dimension);
            }
        }
        catch
        {
            foreach (var column in columns)
            {
                DisposeAll(column ?? []);
            }

            throw;
        }

        var parts = new TensorList[count];
        var row = new PipelineTensor?[columns.Length];
        for (var i = 0; i < count; i++)
        {
            for (var j = 0; j < row.Length; j++)
            {
                row[j] = columns[j]![i];
            }

            parts[i] = TensorList.Create(row);
        }

        return parts;
    }

    /// <summary>Concatenates tensors along a dimension into a new one.</summary>
    /// <param name="parts">At least one; all null gives null.</param>
    /// <param name="dimension">Dimension to join.</param>
    /// <returns>The tensor (the caller owns it) or null.</returns>
    /// <exception cref="ArgumentException">Some parts are null, or types or other extents differ.</exception>
    public static PipelineTensor? Concat(ReadOnlySpan<PipelineTensor?> parts, int dimension = 0)
    {
        if (parts.IsEmpty)
        {
            throw new ArgumentException("expected at least one part, got none", nameof(parts));
        }

        var first = parts[0];
        var total = 0L;
        foreach (var part in parts)
        {
            if ((part is null) != (first is null))
            {
                throw new ArgumentException(
                    "some micro-batches have this tensor and others do not",
                    nameof(parts)
                );
            }

            if (part is null || first is null)
            {
                continue;
            }

            CheckCompatible(first, part, dimension);
            total += part.Shape[dimension];
        }

        if (first is null)
        {
            return null;
        }

        Span<long> shape = first.Shape.ToArray();
        shape[dimension] = total;
        var result = PipelineTensor.Allocate(first.DataType, first.RequiresGradient, shape);
        var inner = InnerBytes(first, dimension);
        var outer = OuterCount(first, dimension);
        try
        {
            var target = result.Bytes;
            var offset = 0;
            foreach (var part in parts)
            {
                var source = part!.Bytes;
                var run = checked((int)(part.Shape[dimension] * inner));
                for (var i = 0; i < outer; i++)
                {
                    var at = checked((int)((i * total * inner) + offset));
                    source.Slice(i * run, run).CopyTo(target[at..]);
                }

                offset += run;
            }
        }
        catch
        {
            result.Dispose();
            throw;
        }

        return result;
    }

    private static PipelineTensor Slice(PipelineTensor tensor, int dimension, long start, long rows)
    {
        Span<long> shape = tensor.Shape.ToArray();
        var length = shape[dimension];
        shape[dimension] = rows;
        var inner = InnerBytes(tensor, dimension);
        if (dimension == 0)
        {
            return new SlicedTensor(
                tensor,
                shape,
                checked((int)(start * inner)),
                checked((int)(rows * inner))
            );
        }

        var copy = PipelineTensor.Allocate(tensor.DataType, tensor.RequiresGradient, shape);
        var outer = OuterCount(tensor, dimension);
        var run = checked((int)(rows * inner));
        try
        {
            for (var i = 0; i < outer; i++)
            {
                var at = checked((int)(((i * length) + start) * inner));
                tensor.Bytes.Slice(at, run).CopyTo(copy.Bytes[(i * run)..]);
            }
        }
        catch
        {
            copy.Dispose();
            throw;
        }

        return copy;
    }

    private static void DisposeAll(PipelineTensor?[] parts)
    {
        foreach (var part in parts)
        {
            part?.Dispose();
        }
    }

    private static void CheckCompatible(PipelineTensor first, PipelineTensor part, int dimension)
    {
        var compatible =
            part.DataType == first.DataType
            && part.Shape.Length == first.Shape.Length
            && (uint)dimension < (uint)first.Shape.Length;
        for (var i = 0; compatible && i < first.Shape.Length; i++)
        {
            compatible = i == dimension || part.Shape[i] == first.Shape[i];
        }

        if (!compatible)
        {
            throw new ArgumentException(
                $"parts: {part} cannot be joined to {first} along dimension {dimension}",
                nameof(part)
            );
        }
    }

    private static long InnerBytes(PipelineTensor tensor, int dimension)
    {
        long bytes = tensor.DataType.SizeInBytes();
        foreach (var extent in tensor.Shape[(dimension + 1)..])
        {
            bytes *= extent;
        }

        return bytes;
    }

    private static int OuterCount(PipelineTensor tensor, int dimension)
    {
        var count = 1L;
        foreach (var extent in tensor.Shape[..dimension])
        {
            count *= extent;
        }

        return checked((int)count);
    }
}
