// SPDX-License-Identifier: MIT
using DeepInfra.Core.Interop;

namespace DeepInfra.Core;

public abstract unsafe partial class Tensor
{
    /// <summary>
    /// Exports as DLPack without copying. The structure shares the memory and keeps it alive after this tensor is
    /// disposed, until its consumer calls the deleter, exactly once, from any thread.
    /// </summary>
    /// <param name="readOnly">Tells the consumer not to write.</param>
    /// <returns>A structure that the consumer owns. Strides are always given.</returns>
    /// <exception cref="ObjectDisposedException">The tensor was disposed.</exception>
    /// <remarks>
    /// For device memory the caller orders the work that produces the data before the consumer's stream, by an event.
    /// </remarks>
    public DLManagedTensorVersioned* ToDLPack(bool readOnly = false)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        return DLPackExport.Create(
            this,
            Storage,
            ByteOffset,
            readOnly ? DLPackFlags.ReadOnly : DLPackFlags.None
        );
    }

    /// <summary>
    /// Imports a DLPack tensor without copying; a read-only one in host memory is copied. The tensor owns the structure
    /// and calls its deleter once: when it is disposed or collected, or here if this method throws. Packed FP4 becomes
    /// bytes of two codes each.
    /// </summary>
    /// <param name="managed">The structure; not to be used by the caller afterwards.</param>
    /// <exception cref="ArgumentException">An extent is negative, or extents or data are missing.</exception>
    /// <exception cref="NotSupportedException">Another major version, or a device, element type or rank without counterpart.</exception>
    public static Tensor FromDLPack(DLManagedTensorVersioned* managed) =>
        DLPackImport.Create(managed);

    /// <summary>Imports a DLPack tensor of the form before version 1.</summary>
    /// <inheritdoc cref="FromDLPack(DLManagedTensorVersioned*)"/>
    public static Tensor FromDLPack(DLManagedTensor* managed) => DLPackImport.Create(managed);

    internal static Tensor WrapUntyped(
        DType dtype,
        void* data,
        Shape shape,
        Strides strides,
        Action release,
        Device device
    )
    {
        return dtype switch
        {
            DType.Float64 => Wrap<double>(),
            DType.Float32 => Wrap<float>(),
            DType.Float16 => Wrap<Half>(),
            DType.BFloat16 => Wrap<BFloat16>(),
            DType.Float8E4M3 => Wrap<Float8E4M3>(),
            DType.Float8E5M2 => Wrap<Float8E5M2>(),
            DType.Float8E8M0 => Wrap<Float8E8M0>(),
            DType.Int8 => Wrap<sbyte>(),
            DType.Int16 => Wrap<short>(),
            DType.Int32 => Wrap<int>(),
            DType.Int64 => Wrap<long>(),
            DType.UInt8 => Wrap<byte>(),
            DType.UInt16 => Wrap<ushort>(),
            DType.UInt32 => Wrap<uint>(),
            DType.UInt64 => Wrap<ulong>(),
            DType.Boolean => Wrap<bool>(),
            _ => throw new NotSupportedException($"A tensor cannot hold {dtype} elements."),
        };

        Tensor Wrap<T>()
            where T : unmanaged => Tensor<T>.Wrap((T*)data, shape, strides, release, device);
    }

    internal abstract Tensor ToContiguousCore();
}
