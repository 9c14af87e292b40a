// SPDX-License-Identifier: MIT
using DeepInfra.Core.Interop;

namespace DeepInfra.Core.Cuda;

/// <summary>Enqueues copies between host and devices, contiguous or strided.</summary>
internal static unsafe class CudaCopy
{
    // Limit of the driver for the distance of rows.
    private const long MaxPitch = int.MaxValue;

    /// <summary>
    /// Copies elements of two tensors of the same shape and type. Pageable host memory makes it wait for the copy: the
    /// driver would otherwise read or write it after the call.
    /// </summary>
    public static void Run(Tensor source, Tensor destination, CudaStream stream)
    {
        var isPageable = IsPageable(source) || IsPageable(destination);
        if (isPageable)
            stream.ThrowIfCapturing("A copy from or to pageable host memory");
        if (source.ElementCount > 0)
        {
            using var use = stream.Use();
            Enqueue(source, destination, stream);
        }
        source.RecordStream(stream);
        destination.RecordStream(stream);
        if (isPageable)
            stream.Synchronize();
        GC.KeepAlive(source);
        GC.KeepAlive(destination);
    }

    private static bool IsPageable(Tensor tensor) => tensor.Device.IsCpu && !tensor.IsPinned;

    private static void Enqueue(Tensor source, Tensor destination, CudaStream stream)
    {
        const int Length = Shape.MaxRank + 1;
        Span<long> work = stackalloc long[4 * Length];
        var copy = new StridedCopy(
            source.Shape,
            source.Strides,
            destination.Strides,
            DTypes.SizeInBytes(source.DType),
            work[..Length],
            work.Slice(Length, Length),
            work.Slice(2 * Length, Length),
            work.Slice(3 * Length, Length)
        );
        var from = (byte*)source.DataPointer;
        var to = (byte*)destination.DataPointer;
        // Rows between devices go one by one: the driver's two-dimensional copy stays on one device.
        var byRows =
            IsBetweenDevices(source.Device, destination.Device)
            || copy.SourcePitch is < 0 or > MaxPitch
            || copy.DestinationPitch is < 0 or > MaxPitch
            || copy.SourcePitch < copy.RowBytes
            || copy.DestinationPitch < copy.RowBytes;
        while (copy.MoveNext())
        {
            var s = from + copy.SourceOffset;
            var d = to + copy.DestinationOffset;
            if (copy.Rows == 1)
                Row(s, source.Device, d, destination.Device, copy.RowBytes, stream);
            else if (byRows)
                for (long row = 0; row < copy.Rows; row++)
                    Row(
                        s + row * copy.SourcePitch,
                        source.Device,
                        d + row * copy.DestinationPitch,
                        destination.Device,
                        copy.RowBytes,
                        stream
                    );
            else
                Block(s, source.Device, d, destination.Device, copy, stream);
        }
    }

    private static bool IsBetweenDevices(Device source, Device destination) =>
        !source.IsCpu && !destination.IsCpu && source != destination;

    private static void Row(
        byte* source,
        Device from,
        byte* destination,
        Device to,
        long bytes,
        CudaStream stream
    )
    {
        var handle = stream.SafeHandle.Value;
        var (api, count) = (stream.Api, (nuint)bytes);
        if (from.IsCpu)
            Check(
                stream,
                api.MemcpyHtoDAsync((ulong)destination, source, count, handle),
                "cuMemcpyHtoDAsync"
            );
        else if (to.IsCpu)
            Check(
                stream,
                api.MemcpyDtoHAsync(destination, (ulong)source, count, handle),
                "cuMemcpyDtoHAsync"
            );
        else if (from == to)
            Check(
                stream,
                api.MemcpyDtoDAsync((ulong)destination, (ulong)source, count, handle),
                "cuMemcpyDtoDAsync"
            );
        else
            Check(
                stream,
                api.MemcpyPeerAsync(
                    (ulong)destination,
                    CudaDevice.Get(to).Context.Handle,
                    (ulong)source,
                    CudaDevice.Get(from).Context.Handle,
                    count,
                    handle
                ),
                "cuMemcpyPeerAsync"
            );
    }

    private static void Block(
        byte* source,
        Device from,
        byte* destination,
        Device to,
        in StridedCopy copy,
        CudaStream stream
    )
    {
        var block = new CudaMemcpy2D
        {
            SourceType = from.IsCpu ? CudaMemcpy2D.Host : CudaMemcpy2D.Device,
            SourceHost = from.IsCpu ? (nint)source : 0,
            SourceDevice = from.IsCpu ? 0 : (ulong)source,
            SourcePitch = (nuint)copy.SourcePitch,
            DestinationType = to.IsCpu ? CudaMemcpy2D.Host : CudaMemcpy2D.Device,
            DestinationHost = to.IsCpu ? (nint)destination : 0,
            DestinationDevice = to.IsCpu ? 0 : (ulong)destination,
            DestinationPitch = (nuint)copy.DestinationPitch,
            WidthBytes = (nuint)copy.RowBytes,
            Height = (nuint)copy.Rows,
        };
        Check(stream, stream.Api.Memcpy2DAsync(&block, stream.SafeHandle.Value), "cuMemcpy2DAsync");
    }

    private static void Check(CudaStream stream, CudaErrorCode status, string operation) =>
        stream.Context.Check(status, operation);
}
