// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

public unsafe partial struct TensorMap
{
    /// <summary>Encodes a map of a device tensor.</summary>
    /// <param name="tensor">A CUDA tensor of 1 to 5 dimensions whose last one is dense; views and permutations are fine.</param>
    /// <param name="box">Elements that one copy moves, per dimension and in the order of the tensor's shape.</param>
    /// <param name="swizzle">Permutation of the rows in shared memory.</param>
    /// <param name="promotion">Level-2 fetch granularity.</param>
    /// <param name="fill">What elements outside the tensor read as.</param>
    /// <exception cref="ArgumentException">The tensor is not on a device or not dense in its last dimension, or a rule of tensor maps is broken.</exception>
    /// <exception cref="NotSupportedException">The element type has no counterpart.</exception>
    /// <exception cref="ObjectDisposedException">The tensor was disposed.</exception>
    /// <exception cref="CudaException">The driver refuses the map.</exception>
    public static TensorMap EncodeTensor(
        Tensor tensor,
        ReadOnlySpan<int> box,
        TensorMapSwizzle swizzle = TensorMapSwizzle.None,
        TensorMapL2Promotion promotion = TensorMapL2Promotion.Bytes256,
        TensorMapFill fill = TensorMapFill.Zero
    )
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.Device.IsCpu)
            throw new ArgumentException(
                $"tensor: expected a tensor on a CUDA device, got {tensor}",
                nameof(tensor)
            );
        var rank = tensor.Rank;
        if (rank is < 1 or > TensorMapLayout.MaxRank)
            throw new ArgumentException(
                $"tensor: expected 1 to {TensorMapLayout.MaxRank} dimensions, got {tensor.Shape}",
                nameof(tensor)
            );
        if (box.Length != rank)
            throw new ArgumentException(
                $"box: expected {rank} values for {tensor.Shape}, got {box.Length}",
                nameof(box)
            );
        if (tensor.Strides[rank - 1] != 1 && tensor.Shape[rank - 1] != 1)
            throw new ArgumentException(
                $"tensor: expected a dense last dimension, got strides {tensor.Strides}",
                nameof(tensor)
            );

        Span<long> extents = stackalloc long[rank];
        Span<long> strides = stackalloc long[rank - 1];
        Span<int> boxes = stackalloc int[rank];
        var size = DTypes.SizeInBytes(tensor.DType);
        // Tensor maps count dimensions from the innermost one.
        for (var i = 0; i < rank; i++)
        {
            extents[i] = tensor.Shape[rank - 1 - i];
            boxes[i] = box[rank - 1 - i];
            if (i > 0)
                strides[i - 1] = tensor.Strides[rank - 1 - i] * size;
        }
        return EncodeTiled(
            tensor.DataPointer,
            new TensorMapLayout
            {
                ElementType = TypeOf(tensor.DType),
                Extents = extents,
                StrideBytes = strides,
                Box = boxes,
                Swizzle = swizzle,
                L2Promotion = promotion,
                Fill = fill,
            }
        );
    }

    private static TensorMapElementType TypeOf(DType dtype) =>
        dtype switch
        {
            DType.Float64 => TensorMapElementType.Float64,
            DType.Float32 => TensorMapElementType.Float32,
            DType.Float16 => TensorMapElementType.Float16,
            DType.BFloat16 => TensorMapElementType.BFloat16,
            DType.Int32 => TensorMapElementType.Int32,
            DType.Int64 => TensorMapElementType.Int64,
            DType.UInt16 or DType.Int16 => TensorMapElementType.UInt16,
            DType.UInt32 => TensorMapElementType.UInt32,
            DType.UInt64 => TensorMapElementType.UInt64,
            _ when DTypes.BitsOf(dtype) == 8 => TensorMapElementType.UInt8,
            _ => throw new NotSupportedException($"Tensor maps have no {dtype} elements."),
        };
}
