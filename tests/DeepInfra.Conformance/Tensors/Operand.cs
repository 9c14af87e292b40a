// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using FluentAssertions;

namespace DeepInfra.Conformance.Tensors;

/// <summary>Where the elements of an operand lie.</summary>
public enum OperandLayout
{
    /// <summary>One after another.</summary>
    Compact,

    /// <summary>Rows of a wider tensor, from its second column on: no row is aligned.</summary>
    Sliced,

    /// <summary>Every third element of the last dimension.</summary>
    Strided,

    /// <summary>The last two dimensions exchanged; as <see cref="Sliced"/> where there is only one.</summary>
    Transposed,
}

/// <summary>A view of a tensor in host memory and the storage around it, which nothing may change.</summary>
public sealed class Operand : IDisposable
{
    private const byte Pattern = 0xA7;

    private readonly OperandLayout _layout;

    /// <summary>Makes an operand; all bytes, those of its elements too, have a pattern that is no usual value.</summary>
    public Operand(DType dtype, Shape shape, OperandLayout layout = OperandLayout.Compact)
    {
        _layout =
            layout == OperandLayout.Transposed && shape.Rank < 2 ? OperandLayout.Sliced : layout;
        Shape = shape;
        Storage = Tensor.Create(dtype, StorageShape(shape, _layout));
        Raw(Storage).Fill(Pattern);
        View = ViewOf(Storage);
    }

    /// <summary>The shape of the view.</summary>
    public Shape Shape { get; }

    /// <summary>All memory, compact.</summary>
    public Tensor Storage { get; }

    /// <summary>The elements.</summary>
    public Tensor View { get; }

    /// <summary>An operand with these elements, in row-major order.</summary>
    /// <param name="dtype">The type.</param>
    /// <param name="shape">The shape.</param>
    /// <param name="layout">Where they lie.</param>
    /// <param name="bits">Bits of each element, right-aligned.</param>
    public static Operand Of(
        DType dtype,
        Shape shape,
        OperandLayout layout,
        IReadOnlyList<ulong> bits
    )
    {
        var operand = new Operand(dtype, shape, layout);
        operand.Visit(
            (index, bytes) => BitConverter.GetBytes(bits[index])[..bytes.Length].CopyTo(bytes)
        );
        return operand;
    }

    /// <summary>Bits of all elements in row-major order.</summary>
    public ulong[] Bits()
    {
        var bits = new ulong[View.ElementCount];
        Visit(
            (index, bytes) =>
            {
                Span<byte> wide = stackalloc byte[sizeof(ulong)];
                wide.Clear();
                bytes.CopyTo(wide);
                bits[index] = BitConverter.ToUInt64(wide);
            }
        );
        return bits;
    }

    /// <summary>The storage on a device, and the view of it there.</summary>
    public (Tensor Storage, Tensor View) ToDevice(CudaStream stream)
    {
        var storage = Storage.ToDevice(stream.Device, stream);
        return (storage, ViewOf(storage));
    }

    /// <summary>Fails if a byte beside the elements is not what it was made.</summary>
    public void ShouldBeUntouchedOutside(string because)
    {
        var bytes = Raw(Storage).ToArray();
        var size = DTypes.SizeInBytes(View.DType);
        VisitOffsets((_, offset) => bytes.AsSpan((int)offset, size).Fill(Pattern));
        bytes.AsSpan().IndexOfAnyExcept(Pattern).Should().Be(-1, because);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        View.Dispose();
        Storage.Dispose();
    }

    private static Shape StorageShape(Shape shape, OperandLayout layout) =>
        layout switch
        {
            OperandLayout.Sliced => shape.With(-1, shape[-1] + 4),
            OperandLayout.Strided => new Shape([.. Extents(shape), 3]),
            OperandLayout.Transposed => shape.With(-1, shape[-2]).With(-2, shape[-1]),
            _ => shape,
        };

    private static IEnumerable<long> Extents(Shape shape) =>
        Enumerable.Range(0, shape.Rank).Select(i => shape[i]);

    private Tensor ViewOf(Tensor storage) =>
        _layout switch
        {
            OperandLayout.Sliced => storage.AsSlice(-1, 1, Shape[-1]),
            OperandLayout.Strided => storage.AsSelected(-1, 1),
            OperandLayout.Transposed => storage.AsTransposed(),
            _ => storage.AsSlice(0, 0, Shape[0]),
        };

    private void Visit(ElementVisitor visit)
    {
        var size = DTypes.SizeInBytes(View.DType);
        VisitOffsets((index, offset) => visit(index, Raw(Storage).Slice((int)offset, size)));
    }

    // Byte offsets of the elements in the storage, in row-major order of the view.
    private unsafe void VisitOffsets(Action<int, long> visit)
    {
        if (View.ElementCount == 0)
            return;
        var size = DTypes.SizeInBytes(View.DType);
        var start = (byte*)View.DataPointer - (byte*)Storage.DataPointer;
        for (var index = 0; index < View.ElementCount; index++)
        {
            long rest = index,
                offset = 0;
            for (var d = Shape.Rank - 1; d >= 0; d--)
            {
                offset += rest % Shape[d] * View.Strides[d];
                rest /= Shape[d];
            }
            visit(index, start + offset * size);
        }
    }

    private static unsafe Span<byte> Raw(Tensor tensor) =>
        tensor.ElementCount == 0
            ? []
            : new Span<byte>(
                tensor.DataPointer,
                checked((int)(tensor.ElementCount * DTypes.SizeInBytes(tensor.DType)))
            );

    private delegate void ElementVisitor(int index, Span<byte> bytes);
}
