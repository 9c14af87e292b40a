// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Interop;

/// <summary>
/// Reads DLPack tensors. The import owns the structure from the start: whatever goes wrong, the deleter runs once.
/// </summary>
internal static unsafe class DLPackImport
{
    public static Tensor Create(DLManagedTensorVersioned* managed)
    {
        if (managed is null)
            throw new ArgumentNullException(nameof(managed));
        var version = managed->Version;
        if (version.Major != DLPackVersion.Current.Major)
        {
            Delete(managed);
            throw new NotSupportedException(
                $"managed: expected DLPack version {DLPackVersion.Current.Major}.x, got {version.Major}.{version.Minor}"
            );
        }
        return Create(in managed->Tensor, managed->Flags, () => Delete(managed));
    }

    public static Tensor Create(DLManagedTensor* managed)
    {
        if (managed is null)
            throw new ArgumentNullException(nameof(managed));
        return Create(in managed->Tensor, DLPackFlags.None, () => Delete(managed));
    }

    private static Tensor Create(in DLTensor source, DLPackFlags flags, Action release)
    {
        Tensor tensor;
        try
        {
            tensor = Wrap(source, flags, release);
        }
        catch
        {
            release();
            throw;
        }
        if ((flags & DLPackFlags.ReadOnly) == 0)
            return tensor;

        // There is no read-only tensor: the consumer gets its own copy.
        using (tensor)
        {
            if (!tensor.Device.IsCpu)
                throw new NotSupportedException(
                    $"managed: read-only device memory cannot be imported, got {tensor}"
                );
            return tensor.ToContiguousCore();
        }
    }

    private static Tensor Wrap(in DLTensor managed, DLPackFlags flags, Action release)
    {
        if (managed.Rank < 0 || managed.Rank > Shape.MaxRank)
            throw new NotSupportedException(
                $"managed: expected at most {Shape.MaxRank} dimensions, got {managed.Rank}"
            );
        var dtype =
            DLPackTypes.ToDType(managed.DataType)
            ?? throw new NotSupportedException(
                $"managed: {managed.DataType} has no corresponding element type"
            );
        var device = DeviceOf(managed.Device);
        if (managed.Shape is null && managed.Rank != 0)
            throw new ArgumentException(
                $"managed: expected {managed.Rank} extents, got a null pointer",
                nameof(managed)
            );
        var shape = new Shape(new ReadOnlySpan<long>(managed.Shape, managed.Rank));
        var strides = managed.Strides is null
            ? Strides.RowMajor(shape)
            : new Strides(new ReadOnlySpan<long>(managed.Strides, managed.Rank));
        if (dtype == DType.Float4E2M1)
        {
            (shape, strides) = BytesOfFp4(managed.DataType.Lanes, shape, strides, flags);
            dtype = DType.UInt8;
        }
        var data = managed.Data is null ? null : (byte*)managed.Data + managed.ByteOffset;
        if (data is null && shape.ElementCount != 0)
            throw new ArgumentException($"managed: {shape} elements but no data", nameof(managed));
        return Tensor.WrapUntyped(dtype, data, shape, strides, release, device);
    }

    private static (Shape Shape, Strides Strides) BytesOfFp4(
        ushort lanes,
        Shape shape,
        Strides strides,
        DLPackFlags flags
    )
    {
        // Two lanes make a byte. Single lanes are packed, unless padded to a byte each.
        if (lanes == 2)
            return (shape, strides);
        if ((flags & DLPackFlags.SubBytePadded) != 0)
            throw new NotSupportedException("managed: FP4 codes that are padded to bytes");
        if (shape.Rank == 0 || shape[-1] % 2 != 0 || !strides.IsRowMajor(shape))
            throw new NotSupportedException(
                $"managed: packed FP4 needs a compact tensor with an even innermost extent, got {shape} with strides {strides}"
            );
        var bytes = shape.With(-1, shape[-1] / 2);
        return (bytes, Strides.RowMajor(bytes));
    }

    private static Device DeviceOf(DLDevice device) =>
        device.Type switch
        {
            DLDeviceType.Cpu or DLDeviceType.CudaHost => Device.Cpu,
            DLDeviceType.Cuda or DLDeviceType.CudaManaged => Device.Cuda(device.Id),
            _ => throw new NotSupportedException(
                $"managed: DLPack device type {(int)device.Type} is not supported"
            ),
        };

    private static void Delete(DLManagedTensorVersioned* managed)
    {
        if (managed->Deleter is not null)
            managed->Deleter(managed);
    }

    private static void Delete(DLManagedTensor* managed)
    {
        if (managed->Deleter is not null)
            managed->Deleter(managed);
    }
}
