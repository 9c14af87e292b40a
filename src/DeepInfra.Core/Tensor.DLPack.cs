// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;
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
    /// Exports device memory as DLPack without copying, for work on a stream of the consumer. Work that uses the memory now comes
    /// before what is enqueued on that stream from here on, and the memory is freed after what is enqueued on it until the
    /// consumer calls the deleter.
    /// </summary>
    /// <param name="consumer">The consumer's stream, of any device.</param>
    /// <param name="readOnly">Tells the consumer not to write.</param>
    /// <returns>A structure that the consumer owns. Strides are always given.</returns>
    /// <exception cref="ArgumentException">The tensor is in host memory.</exception>
    /// <exception cref="InvalidOperationException">A stream that uses the memory captures.</exception>
    /// <exception cref="ObjectDisposedException">The tensor or the stream was disposed.</exception>
    public DLManagedTensorVersioned* ToDLPack(CudaStream consumer, bool readOnly = false)
    {
        ArgumentNullException.ThrowIfNull(consumer);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (Device.IsCpu)
            throw new ArgumentException(
                $"consumer: expected none for {this}, which is on cpu",
                nameof(consumer)
            );
        Storage.OrderBefore(consumer);
        return ToDLPack(readOnly);
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

    /// <summary>
    /// Imports device memory from DLPack without copying, for work on a stream: that of the producer must be ordered before it. The
    /// deleter is called once, after the work of this and every recorded stream (<see cref="RecordStream"/>), by disposal if that
    /// is done and otherwise by a thread of the pool; or here if this method throws.
    /// </summary>
    /// <param name="managed">The structure; not to be used by the caller afterwards.</param>
    /// <param name="stream">A stream of the tensor's device, given to the producer as that of its consumer.</param>
    /// <exception cref="ArgumentException">An extent is negative, extents or data are missing, or the memory is not on the stream's device.</exception>
    /// <exception cref="NotSupportedException">Another major version, or a device, element type or rank without counterpart.</exception>
    public static Tensor FromDLPack(DLManagedTensorVersioned* managed, CudaStream stream) =>
        Follow(FromDLPack(managed), stream);

    /// <summary>Imports device memory from DLPack of the form before version 1, for work on a stream.</summary>
    /// <inheritdoc cref="FromDLPack(DLManagedTensorVersioned*, CudaStream)"/>
    public static Tensor FromDLPack(DLManagedTensor* managed, CudaStream stream) =>
        Follow(FromDLPack(managed), stream);

    private static Tensor Follow(Tensor tensor, CudaStream stream)
    {
        try
        {
            ArgumentNullException.ThrowIfNull(stream);
            if (tensor.Device != stream.Device)
                throw new ArgumentException(
                    tensor.Device.IsCpu
                        ? $"stream: expected none for {tensor}, which is on cpu"
                        : $"stream: expected one of {tensor.Device}, got one of {stream.Device}",
                    nameof(stream)
                );
            tensor.Storage.FollowStreams();
            tensor.RecordStream(stream);
            return tensor;
        }
        catch
        {
            tensor.Dispose();
            throw;
        }
    }

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
