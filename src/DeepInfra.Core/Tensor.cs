// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;

namespace DeepInfra.Core;

/// <summary>
/// A strided n-dimensional array with a device. This untyped base is what operations with several
/// element types accept; <see cref="Tensor{T}"/> is the typed class. Methods named <c>As…</c> borrow: the
/// result shares the memory and must not be used after its owner is disposed (it then throws
/// <see cref="ObjectDisposedException"/>). Methods named <c>To…</c> copy.
/// </summary>
/// <remarks>Reading from several threads is safe; writing needs the caller's own ordering.</remarks>
public abstract unsafe partial class Tensor : IDisposable
{
    private readonly long _byteOffset;
    private readonly bool _owns;
    private bool _disposed;

    private protected Tensor(
        TensorStorage storage,
        bool owns,
        DType dtype,
        Shape shape,
        Strides strides,
        long byteOffset
    )
    {
        Storage = storage;
        _owns = owns;
        DType = dtype;
        Shape = shape;
        Strides = strides;
        _byteOffset = byteOffset;
        IsContiguous = strides.IsRowMajor(shape);
        if (owns)
            TensorScope.Register(this);
    }

    /// <summary>The element type.</summary>
    public DType DType { get; }

    /// <summary>The extents.</summary>
    public Shape Shape { get; }

    /// <summary>The steps in elements.</summary>
    public Strides Strides { get; }

    /// <summary>The device that holds the memory.</summary>
    public Device Device => Storage.Device;

    /// <summary>Number of dimensions.</summary>
    public int Rank => Shape.Rank;

    /// <summary>Number of elements.</summary>
    public long ElementCount => Shape.ElementCount;

    /// <summary>True if the elements lie in compact row-major order.</summary>
    public bool IsContiguous { get; }

    /// <summary>True once the tensor, or the tensor it borrows from, was disposed.</summary>
    public bool IsDisposed => _disposed || Storage.IsDisposed;

    /// <summary>
    /// The address of element [0,…,0], in the address space of <see cref="Device"/>. Valid while the tensor is
    /// alive and undisposed: keep a reference (<see cref="GC.KeepAlive"/>) while using it.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The tensor or its owner was disposed.</exception>
    public void* DataPointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            return (byte*)Storage.Pointer + _byteOffset;
        }
    }

    private protected TensorStorage Storage { get; }

    private protected long ByteOffset => _byteOffset;

    /// <summary>Allocates a tensor in host memory, 64-byte aligned, compact row-major.</summary>
    /// <param name="dtype">The element type.</param>
    /// <param name="shape">The extents.</param>
    /// <param name="zeroed">False leaves the contents undefined.</param>
    /// <exception cref="NotSupportedException"><see cref="DType.Float4E2M1"/>, which lives packed in UInt8 tensors.</exception>
    public static Tensor Create(DType dtype, Shape shape, bool zeroed = true) =>
        dtype switch
        {
            DType.Float64 => Tensor<double>.Create(shape, zeroed),
            DType.Float32 => Tensor<float>.Create(shape, zeroed),
            DType.Float16 => Tensor<Half>.Create(shape, zeroed),
            DType.BFloat16 => Tensor<BFloat16>.Create(shape, zeroed),
            DType.Float8E4M3 => Tensor<Float8E4M3>.Create(shape, zeroed),
            DType.Float8E5M2 => Tensor<Float8E5M2>.Create(shape, zeroed),
            DType.Float8E8M0 => Tensor<Float8E8M0>.Create(shape, zeroed),
            DType.Int8 => Tensor<sbyte>.Create(shape, zeroed),
            DType.Int16 => Tensor<short>.Create(shape, zeroed),
            DType.Int32 => Tensor<int>.Create(shape, zeroed),
            DType.Int64 => Tensor<long>.Create(shape, zeroed),
            DType.UInt8 => Tensor<byte>.Create(shape, zeroed),
            DType.UInt16 => Tensor<ushort>.Create(shape, zeroed),
            DType.UInt32 => Tensor<uint>.Create(shape, zeroed),
            DType.UInt64 => Tensor<ulong>.Create(shape, zeroed),
            DType.Boolean => Tensor<bool>.Create(shape, zeroed),
            _ => throw new NotSupportedException($"A tensor cannot hold {dtype} elements."),
        };

    /// <summary>The same tensor with its element type known.</summary>
    /// <typeparam name="T">The expected element type.</typeparam>
    /// <param name="paramName">Name used in the exception.</param>
    /// <exception cref="ArgumentException">The element type differs.</exception>
    public Tensor<T> As<T>(string paramName = "tensor")
        where T : unmanaged =>
        this as Tensor<T>
        ?? throw new ArgumentException(
            $"{paramName}: expected {DTypes.Of<T>()}, got {DType}",
            paramName
        );

    /// <summary>Borrows a range of one dimension.</summary>
    /// <param name="dimension">The dimension, negative counts from the end.</param>
    /// <param name="start">First index.</param>
    /// <param name="length">Number of indices.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the dimension.</exception>
    public Tensor AsSlice(int dimension, long start, long length) =>
        SliceCore(dimension, start, length);

    /// <summary>Borrows one index of a dimension; the result has one dimension less.</summary>
    /// <param name="dimension">The dimension, negative counts from the end.</param>
    /// <param name="index">The index.</param>
    public Tensor AsSelected(int dimension, long index) => SelectCore(dimension, index);

    /// <summary>Borrows with two dimensions exchanged.</summary>
    /// <param name="first">A dimension, negative counts from the end.</param>
    /// <param name="second">A dimension, negative counts from the end.</param>
    public Tensor AsTransposed(int first = -2, int second = -1) => TransposeCore(first, second);

    /// <summary>Borrows with other extents; needs a contiguous tensor and the same number of elements.</summary>
    /// <param name="shape">The new extents.</param>
    /// <exception cref="ArgumentException">The element counts differ, or the tensor is not contiguous.</exception>
    public Tensor AsReshaped(Shape shape) => ReshapeCore(shape);

    /// <summary>
    /// Frees the memory if this tensor owns it. Further use throws <see cref="ObjectDisposedException"/>; a
    /// second call does nothing.
    /// </summary>
    [SuppressMessage(
        "Usage",
        "CA1816:Dispose methods should call SuppressFinalize",
        Justification = "No finalizer here or below: TensorStorage has it."
    )]
    public void Dispose()
    {
        _disposed = true;
        if (_owns)
            Storage.Dispose();
    }

    /// <inheritdoc/>
    public override string ToString() => $"{DType}{Shape} on {Device}";

    private protected abstract Tensor SliceCore(int dimension, long start, long length);

    private protected abstract Tensor SelectCore(int dimension, long index);

    private protected abstract Tensor TransposeCore(int first, int second);

    private protected abstract Tensor ReshapeCore(Shape shape);
}
