// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;

namespace DeepInfra.Core;

public abstract unsafe partial class Tensor
{
    /// <summary>True for host memory that is page-locked: copies to and from devices are then asynchronous.</summary>
    public bool IsPinned => Storage.IsPinned;

    /// <summary>Allocates a compact row-major tensor in device memory, in the order of a stream.</summary>
    /// <param name="dtype">The element type.</param>
    /// <param name="shape">The extents.</param>
    /// <param name="stream">Decides the device; work enqueued on it from now on may use the tensor.</param>
    /// <param name="zeroed">False leaves the contents undefined.</param>
    /// <exception cref="NotSupportedException"><see cref="DType.Float4E2M1"/>, which lives packed in UInt8 tensors.</exception>
    /// <exception cref="CudaOutOfMemoryException">The device has not enough free memory.</exception>
    /// <exception cref="InvalidOperationException">The stream captures.</exception>
    /// <exception cref="CudaException">The driver fails.</exception>
    public static Tensor Create(DType dtype, Shape shape, CudaStream stream, bool zeroed = true) =>
        dtype switch
        {
            DType.Float64 => Tensor<double>.Create(shape, stream, zeroed),
            DType.Float32 => Tensor<float>.Create(shape, stream, zeroed),
            DType.Float16 => Tensor<Half>.Create(shape, stream, zeroed),
            DType.BFloat16 => Tensor<BFloat16>.Create(shape, stream, zeroed),
            DType.Float8E4M3 => Tensor<Float8E4M3>.Create(shape, stream, zeroed),
            DType.Float8E5M2 => Tensor<Float8E5M2>.Create(shape, stream, zeroed),
            DType.Float8E8M0 => Tensor<Float8E8M0>.Create(shape, stream, zeroed),
            DType.Int8 => Tensor<sbyte>.Create(shape, stream, zeroed),
            DType.Int16 => Tensor<short>.Create(shape, stream, zeroed),
            DType.Int32 => Tensor<int>.Create(shape, stream, zeroed),
            DType.Int64 => Tensor<long>.Create(shape, stream, zeroed),
            DType.UInt8 => Tensor<byte>.Create(shape, stream, zeroed),
            DType.UInt16 => Tensor<ushort>.Create(shape, stream, zeroed),
            DType.UInt32 => Tensor<uint>.Create(shape, stream, zeroed),
            DType.UInt64 => Tensor<ulong>.Create(shape, stream, zeroed),
            DType.Boolean => Tensor<bool>.Create(shape, stream, zeroed),
            _ => throw new NotSupportedException($"A tensor cannot hold {dtype} elements."),
        };

    /// <summary>
    /// Says that work enqueued on a stream uses this tensor's memory: disposing it is then safe at once, and the memory is freed after
    /// that work. Nothing happens for ordinary host memory and for wrapped foreign memory, which their owners keep.
    /// </summary>
    /// <param name="stream">The stream; call after enqueuing.</param>
    /// <exception cref="ObjectDisposedException">The tensor or stream was disposed.</exception>
    public void RecordStream(CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        Storage.RecordStream(stream);
    }

    /// <summary>
    /// Enqueues a copy of all elements into a tensor of the same shape and type, between any two of host and devices, whatever
    /// the strides of either. With ordinary host memory on either side the call returns when the copy is done; with
    /// page-locked memory and between devices it returns at once.
    /// </summary>
    /// <param name="destination">Same shape and element type; must not overlap.</param>
    /// <param name="stream">A stream of a device that is involved; the source's where there are two.</param>
    /// <exception cref="ArgumentException">Shapes or types differ, or the stream's device is not involved.</exception>
    /// <exception cref="InvalidOperationException">The stream captures and ordinary host memory is involved.</exception>
    /// <exception cref="ObjectDisposedException">A tensor or the stream was disposed.</exception>
    /// <exception cref="CudaException">The driver fails.</exception>
    public void CopyTo(Tensor destination, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(destination);
        ArgumentNullException.ThrowIfNull(stream);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        ObjectDisposedException.ThrowIf(destination.IsDisposed, destination);
        if (destination.DType != DType || destination.Shape != Shape)
            throw new ArgumentException(
                $"destination: expected {DType}{Shape}, got {destination.DType}{destination.Shape}",
                nameof(destination)
            );
        if (Device != stream.Device && destination.Device != stream.Device)
            throw new ArgumentException(
                $"stream: expected a stream of {(Device.IsCpu ? destination.Device : Device)}, got one of {stream.Device}",
                nameof(stream)
            );
        CudaCopy.Run(this, destination, stream);
    }

    /// <summary>Copies the elements into a new compact row-major tensor on a device or the host; see <see cref="CopyTo(Tensor, CudaStream)"/>.</summary>
    /// <param name="device">The CPU, or the device of the stream.</param>
    /// <param name="stream">A stream of this tensor's device, or of <paramref name="device"/> if this tensor is on the host.</param>
    /// <exception cref="ArgumentException">The stream is of another device.</exception>
    /// <exception cref="CudaOutOfMemoryException">The device has not enough free memory.</exception>
    /// <exception cref="CudaException">The driver fails.</exception>
    public Tensor ToDevice(Device device, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (!device.IsCpu && device != stream.Device)
            throw new ArgumentException(
                $"stream: expected a stream of {device}, got one of {stream.Device}",
                nameof(stream)
            );
#pragma warning disable CA2000 // returned, or disposed of below
        var copy = device.IsCpu
            ? Create(DType, Shape, zeroed: false)
            : Create(DType, Shape, stream, zeroed: false);
#pragma warning restore CA2000
        try
        {
            CopyTo(copy, stream);
            return copy;
        }
        catch
        {
            copy.Dispose();
            throw;
        }
    }
}
