// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.Core;

/// <summary>A tensor with a known element type. See <see cref="Tensor"/> for ownership rules.</summary>
/// <typeparam name="T">The element type: a primitive number, <see cref="BFloat16"/> or an FP8 type.</typeparam>
/// <example>
/// <code>
/// using var x = Tensor&lt;float&gt;.FromSpan([1, 2, 3, 4, 5, 6], [2, 3]);
/// var row = x.AsSelected(0, 1).AsSpan(); // 4, 5, 6
/// </code>
/// </example>
public sealed unsafe partial class Tensor<T> : Tensor
    where T : unmanaged
{
    private Tensor(TensorStorage storage, bool owns, Shape shape, Strides strides, long byteOffset)
        : base(storage, owns, DTypes.Of<T>(), shape, strides, byteOffset) { }

    /// <summary>The address of element [0,…,0]; see <see cref="Tensor.DataPointer"/>.</summary>
    public new T* DataPointer => (T*)base.DataPointer;

    /// <summary>One element, by one index per dimension. For tests and small loops; kernels use spans or pointers.</summary>
    /// <param name="indices">One index per dimension.</param>
    /// <exception cref="ArgumentException">Wrong number of indices.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An index is outside its dimension.</exception>
    public ref T this[params ReadOnlySpan<long> indices]
    {
        get
        {
            RequireCpu();
            if (indices.Length != Rank)
                throw new ArgumentException(
                    $"indices: expected {Rank} values, got {indices.Length}",
                    nameof(indices)
                );
            long offset = 0;
            for (var i = 0; i < indices.Length; i++)
            {
                if ((ulong)indices[i] >= (ulong)Shape[i])
                    throw new ArgumentOutOfRangeException(
                        nameof(indices),
                        $"indices[{i}]: expected a value in [0,{Shape[i]}), got {indices[i]}"
                    );
                offset += indices[i] * Strides[i];
            }
            return ref DataPointer[offset];
        }
    }

    /// <summary>Allocates a compact row-major tensor in host memory, 64-byte aligned.</summary>
    /// <param name="shape">The extents.</param>
    /// <param name="zeroed">False leaves the contents undefined.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size in bytes does not fit in 63 bits.</exception>
    /// <exception cref="OutOfMemoryException">The system has no memory of this size.</exception>
    public static Tensor<T> Create(Shape shape, bool zeroed = true) =>
        new(
            TensorStorage.Allocate(BytesOf(shape), zeroed),
            owns: true,
            shape,
            Strides.RowMajor(shape),
            byteOffset: 0
        );

    /// <summary>Copies elements in row-major order into a new tensor.</summary>
    /// <param name="elements">Exactly as many as the shape has.</param>
    /// <param name="shape">The extents.</param>
    /// <exception cref="ArgumentException">The counts differ.</exception>
    public static Tensor<T> FromSpan(ReadOnlySpan<T> elements, Shape shape)
    {
        if (elements.Length != shape.ElementCount)
            throw new ArgumentException(
                $"elements: expected {shape.ElementCount} for shape {shape}, got {elements.Length}",
                nameof(elements)
            );
        var tensor = Create(shape, zeroed: false);
        elements.CopyTo(tensor.AsSpan());
        return tensor;
    }

    /// <summary>Adopts foreign memory without copying.</summary>
    /// <param name="pointer">Address of element [0,…,0]; must stay valid until released. Null only without elements.</param>
    /// <param name="shape">The extents.</param>
    /// <param name="strides">The steps in elements; null means compact row-major.</param>
    /// <param name="release">Called once when the tensor is disposed or collected, then on the finalizer's thread, so it must not throw; may be null.</param>
    /// <param name="device">The device that the address belongs to; the CPU by default.</param>
    /// <exception cref="ArgumentNullException">The pointer is null although there are elements.</exception>
    /// <exception cref="ArgumentException">The strides' rank differs from the shape's.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The tensor reaches over more than 63 bits of bytes.</exception>
    public static Tensor<T> Wrap(
        T* pointer,
        Shape shape,
        Strides? strides = null,
        Action? release = null,
        Device device = default
    )
    {
        var steps = strides ?? Strides.RowMajor(shape);
        if (steps.Rank != shape.Rank)
            throw new ArgumentException(
                $"strides: expected rank {shape.Rank}, got {steps.Rank}",
                nameof(strides)
            );
        if (pointer is null && shape.ElementCount != 0)
            throw new ArgumentNullException(
                nameof(pointer),
                $"pointer: expected the address of the elements of {shape}, got null"
            );
        var bytes = BytesOf(shape);
        RequireReach(shape, steps);
        // A SafeHandle holds no null address; zero-size foreign tensors may have one.
        var storage = TensorStorage.Wrap(
            pointer is null ? (void*)1 : pointer,
            bytes,
            device,
            release
        );
        return new Tensor<T>(storage, owns: true, shape, steps, byteOffset: 0);
    }

    /// <summary>Adopts managed memory without copying; it stays pinned until the tensor is disposed.</summary>
    /// <param name="memory">At least as many elements as the shape has.</param>
    /// <param name="shape">The extents, compact row-major.</param>
    /// <exception cref="ArgumentException">The memory is too short.</exception>
    public static Tensor<T> Wrap(Memory<T> memory, Shape shape)
    {
        if (memory.Length < shape.ElementCount)
            throw new ArgumentException(
                $"memory: expected at least {shape.ElementCount} elements for shape {shape}, got {memory.Length}",
                nameof(memory)
            );
        var pin = memory.Pin();
        return Wrap((T*)pin.Pointer, shape, strides: null, release: () => pin.Dispose());
    }

    /// <summary>All elements as a span.</summary>
    /// <exception cref="InvalidOperationException">Not contiguous, not on the CPU, or more than 2^31-1 elements.</exception>
    public Span<T> AsSpan()
    {
        RequireCpu();
        if (!IsContiguous)
            throw new InvalidOperationException(
                $"AsSpan: expected a contiguous tensor, got shape {Shape} with strides {Strides}"
            );
        if (ElementCount > int.MaxValue)
            throw new InvalidOperationException(
                $"AsSpan: {ElementCount} elements do not fit in one span"
            );
        return new Span<T>(DataPointer, (int)ElementCount);
    }

    /// <summary>A borrowed view for kernels: no heap allocation.</summary>
    public TensorView<T> AsView()
    {
        RequireCpu();
        return new TensorView<T>(DataPointer, Shape, Strides);
    }

    /// <summary>A borrowed read-only view for kernels: no heap allocation.</summary>
    public ReadOnlyTensorView<T> AsReadOnlyView() => AsView();

    /// <inheritdoc cref="Tensor.AsSlice"/>
    public new Tensor<T> AsSlice(int dimension, long start, long length)
    {
        var d = Shape.Normalize(dimension);
        if (start < 0 || length < 0 || start > Shape[d] - length)
            throw new ArgumentOutOfRangeException(
                nameof(start),
                $"start, length: expected a range inside [0,{Shape[d]}), got [{start},{start + length})"
            );
        return Borrow(Shape.With(d, length), Strides, start * Strides[d]);
    }

    /// <inheritdoc cref="Tensor.AsSelected"/>
    public new Tensor<T> AsSelected(int dimension, long index)
    {
        var d = Shape.Normalize(dimension);
        if ((ulong)index >= (ulong)Shape[d])
            throw new ArgumentOutOfRangeException(
                nameof(index),
                $"index: expected a value in [0,{Shape[d]}), got {index}"
            );
        Span<long> steps = stackalloc long[Core.Shape.MaxRank];
        var rank = 0;
        for (var i = 0; i < Rank; i++)
            if (i != d)
                steps[rank++] = Strides[i];
        return Borrow(Shape.Without(d), new Strides(steps[..rank]), index * Strides[d]);
    }

    /// <inheritdoc cref="Tensor.AsTransposed"/>
    public new Tensor<T> AsTransposed(int first = -2, int second = -1)
    {
        var a = Shape.Normalize(first);
        var b = Shape.Normalize(second);
        Span<long> extents = stackalloc long[Core.Shape.MaxRank];
        Span<long> steps = stackalloc long[Core.Shape.MaxRank];
        Shape.CopyTo(extents);
        Strides.CopyTo(steps);
        (extents[a], extents[b]) = (extents[b], extents[a]);
        (steps[a], steps[b]) = (steps[b], steps[a]);
        return Borrow(new Shape(extents[..Rank]), new Strides(steps[..Rank]), 0);
    }

    /// <inheritdoc cref="Tensor.AsReshaped"/>
    public new Tensor<T> AsReshaped(Shape shape)
    {
        if (shape.ElementCount != ElementCount)
            throw new ArgumentException(
                $"shape: expected {ElementCount} elements as in {Shape}, got {shape}",
                nameof(shape)
            );
        if (!IsContiguous)
            throw new ArgumentException(
                $"shape: only a contiguous tensor can be reshaped, this one has strides {Strides}",
                nameof(shape)
            );
        return Borrow(shape, Strides.RowMajor(shape), 0);
    }

    /// <summary>Copies the elements into a new compact row-major tensor.</summary>
    public Tensor<T> ToContiguous()
    {
        var copy = Create(Shape, zeroed: false);
        CopyTo(copy);
        return copy;
    }

    /// <summary>Copies the elements into an array in row-major order.</summary>
    public T[] ToArray()
    {
        using var copy = ToContiguous();
        return copy.AsSpan().ToArray();
    }

    /// <summary>Copies all elements into a tensor of the same shape, whatever the strides of either.</summary>
    /// <param name="destination">Same shape; may share memory, as a transposed view of this tensor does (then a copy is made in between).</param>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public void CopyTo(Tensor<T> destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        if (destination.Shape != Shape)
            throw new ArgumentException(
                $"destination: expected shape {Shape}, got {destination.Shape}",
                nameof(destination)
            );
        RequireCpu();
        if (
            !(IsContiguous && destination.IsContiguous) && MemoryOverlap.Possible(this, destination)
        )
        {
            using var copy = ToContiguous();
            copy.AsReadOnlyView().CopyTo(destination.AsView());
        }
        else
            AsReadOnlyView().CopyTo(destination.AsView());
        GC.KeepAlive(this);
        GC.KeepAlive(destination);
    }

    /// <summary>Sets every element.</summary>
    /// <param name="value">The value.</param>
    public void Fill(T value) => AsView().Fill(value);

    internal override Tensor ToContiguousCore() => ToContiguous();

    private protected override Tensor SliceCore(int dimension, long start, long length) =>
        AsSlice(dimension, start, length);

    private protected override Tensor SelectCore(int dimension, long index) =>
        AsSelected(dimension, index);

    private protected override Tensor TransposeCore(int first, int second) =>
        AsTransposed(first, second);

    private protected override Tensor ReshapeCore(Shape shape) => AsReshaped(shape);

    private static long BytesOf(Shape shape)
    {
        var count = shape.ElementCount;
        return count <= long.MaxValue / sizeof(T)
            ? count * sizeof(T)
            : throw new ArgumentOutOfRangeException(
                nameof(shape),
                $"shape: {shape} elements of {sizeof(T)} bytes do not fit in 63 bits"
            );
    }

    /// <summary>Address arithmetic on elements of a tensor must not wrap around.</summary>
    private static void RequireReach(Shape shape, Strides strides)
    {
        if (shape.ElementCount == 0)
            return;
        Int128 reach = 1;
        for (var i = 0; i < shape.Rank; i++)
            reach += Int128.Abs((Int128)(shape[i] - 1) * strides[i]);
        if (reach > long.MaxValue / sizeof(T))
            throw new ArgumentOutOfRangeException(
                nameof(strides),
                $"strides: {shape} with strides {strides} reaches over more than 63 bits of bytes"
            );
    }

    private Tensor<T> Borrow(Shape shape, Strides strides, long elementOffset)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        return new Tensor<T>(
            Storage,
            owns: false,
            shape,
            strides,
            ByteOffset + elementOffset * sizeof(T)
        );
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void RequireCpu()
    {
        if (!Device.IsCpu)
            throw new InvalidOperationException($"Expected a tensor on the CPU, got {this}");
    }
}
