// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;

namespace DeepInfra.Core;

public sealed unsafe partial class Tensor<T>
{
    /// <summary>Allocates a compact row-major tensor in device memory, in the order of a stream.</summary>
    /// <param name="shape">The extents.</param>
    /// <param name="stream">Decides the device; work enqueued on it from now on may use the tensor.</param>
    /// <param name="zeroed">False leaves the contents undefined.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size in bytes does not fit in 63 bits.</exception>
    /// <exception cref="CudaOutOfMemoryException">The device has not enough free memory.</exception>
    /// <exception cref="InvalidOperationException">The stream captures.</exception>
    /// <exception cref="ObjectDisposedException">The stream was disposed.</exception>
    /// <exception cref="CudaException">The driver fails.</exception>
    public static Tensor<T> Create(Shape shape, CudaStream stream, bool zeroed = true)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var bytes = BytesOf(shape);
        var memory = DeviceMemory.Allocate(bytes, stream);
        try
        {
            if (zeroed && bytes > 0)
                using (stream.Use())
                    stream.Context.Check(
                        stream.Api.MemsetD8Async(
                            (ulong)memory.Pointer,
                            0,
                            (nuint)bytes,
                            stream.SafeHandle.Value
                        ),
                        "cuMemsetD8Async"
                    );
        }
        catch
        {
            memory.Dispose();
            throw;
        }
        return Own(TensorStorage.Adopt(memory), shape);
    }

    /// <summary>Allocates a compact row-major tensor in page-locked host memory: its copies to and from devices are asynchronous.</summary>
    /// <param name="shape">The extents.</param>
    /// <param name="device">A CUDA device whose driver locks the pages.</param>
    /// <param name="zeroed">False leaves the contents undefined.</param>
    /// <exception cref="ArgumentException">The device is the CPU.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The size in bytes does not fit in 63 bits.</exception>
    /// <exception cref="CudaOutOfMemoryException">The system cannot lock that much.</exception>
    /// <exception cref="CudaException">The driver fails.</exception>
    public static Tensor<T> CreatePinned(Shape shape, Device device, bool zeroed = true)
    {
        var memory = PinnedMemory.Allocate(BytesOf(shape), device);
        var tensor = Own(TensorStorage.Adopt(memory), shape);
        if (zeroed)
            tensor.Fill(default);
        return tensor;
    }

    /// <summary>Copies elements in row-major order from host memory; returns when they are copied.</summary>
    /// <param name="elements">Exactly as many as the tensor has.</param>
    /// <param name="stream">A stream of this tensor's device.</param>
    /// <exception cref="ArgumentException">The counts differ, or the stream is of another device.</exception>
    /// <exception cref="CudaException">The driver fails.</exception>
    public void CopyFrom(ReadOnlySpan<T> elements, CudaStream stream)
    {
        RequireCount(elements.Length, nameof(elements));
        fixed (T* pointer = elements)
        {
            using var host = Wrap(pointer, Shape);
            host.CopyTo(this, stream);
        }
    }

    /// <summary>Copies elements in row-major order to host memory; returns when they are copied.</summary>
    /// <param name="elements">Exactly as many as the tensor has.</param>
    /// <param name="stream">A stream of this tensor's device.</param>
    /// <exception cref="ArgumentException">The counts differ, or the stream is of another device.</exception>
    /// <exception cref="CudaException">The driver fails.</exception>
    public void CopyTo(Span<T> elements, CudaStream stream)
    {
        RequireCount(elements.Length, nameof(elements));
        fixed (T* pointer = elements)
        {
            using var host = Wrap(pointer, Shape);
            CopyTo(host, stream);
        }
    }

    /// <summary>Copies the elements into an array in row-major order; returns when they are copied.</summary>
    /// <param name="stream">A stream of this tensor's device.</param>
    /// <exception cref="CudaException">The driver fails.</exception>
    public T[] ToArray(CudaStream stream)
    {
        var elements = new T[ElementCount];
        CopyTo(elements.AsSpan(), stream);
        return elements;
    }

    /// <inheritdoc cref="Tensor.ToDevice"/>
    public new Tensor<T> ToDevice(Device device, CudaStream stream) =>
        (Tensor<T>)base.ToDevice(device, stream);

    private static Tensor<T> Own(TensorStorage storage, Shape shape) =>
        new(storage, owns: true, shape, Strides.RowMajor(shape), byteOffset: 0);

    private void RequireCount(int count, string name)
    {
        if (count != ElementCount)
            throw new ArgumentException(
                $"{name}: expected {ElementCount} for shape {Shape}, got {count}",
                name
            );
    }
}
