// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.FlashMla;
using FluentAssertions;

namespace DeepInfra.Conformance.FlashMla;

/// <summary>
/// Decodes tensors of the host on a device. Every operand is copied into an allocation whose rows are longer than
/// the operand's and end in NaN, and the result is copied back: reading or writing outside shows.
/// </summary>
internal static unsafe class DeviceDecode
{
    /// <summary>Bytes of padding: NaN in every element type.</summary>
    private const byte PaddingByte = 0xFF;

    /// <summary>Bytes behind every row.</summary>
    private const int RowPadding = 32;

    /// <inheritdoc cref="DecodeConformance.Decode"/>
    public static AttentionState Run(
        Device device,
        MlaDecodeOptions options,
        Tensor q,
        KvBlocks cache,
        Tensor<int> blockTable,
        Tensor<int> cacheSeqlens,
        DType outputType
    )
    {
        using var plan = MlaDecodePlan.Create(device, options);
        using var stream = new CudaStream(device);
        Tensor output;
        Tensor<float> logSumExp;
        using (new TensorScope())
        {
            var shape = options.Shape;
            long batch = q.Shape[0];
            var (storage, target) = Place(
                Tensor.Create(
                    outputType,
                    [batch, options.QueryTokens, shape.QueryHeads, shape.ValueDim]
                ),
                stream
            );
            plan.Update(cacheSeqlens, stream);
            var state = MlaAttention.Decode(
                plan,
                Place(q, stream).View,
                PlaceCache(cache, stream),
                blockTable.ToDevice(device, stream),
                cacheSeqlens.ToDevice(device, stream),
                target,
                stream: stream
            );
            state.Base.Should().Be(options.LogSumExpBase);
            using var suspended = TensorScope.Suspend();
            output = state.Out.ToDevice(Device.Cpu, stream);
            logSumExp = state.LogSumExp.ToDevice(Device.Cpu, stream);
            CheckPadding(storage.ToDevice(Device.Cpu, stream), shape.ValueDim);
        }
        return new AttentionState(output, logSumExp, options.LogSumExpBase);
    }

    // A view of the same elements in device memory, each row followed by padding.
    private static (Tensor Storage, Tensor View) Place(Tensor tensor, CudaStream stream)
    {
        var columns = tensor.Shape[-1];
        var padding = RowPadding / DTypes.SizeInBytes(tensor.DType);
        var host = Tensor.Create(
            tensor.DType,
            tensor.Shape.With(tensor.Rank - 1, columns + padding)
        );
        Bytes(host).Fill(PaddingByte);
        var storage = host.ToDevice(stream.Device, stream);
        var view = storage.AsSlice(tensor.Rank - 1, 0, columns);
        if (tensor.ElementCount > 0)
            tensor.CopyTo(view, stream);
        return (storage, view);
    }

    private static KvBlocks PlaceCache(KvBlocks cache, CudaStream stream)
    {
        var data = cache.Data;
        if (cache.Format is KvCacheFormat.BFloat16 or KvCacheFormat.Float16)
            return new KvBlocks(Place(data, stream).View, cache.Format);
        // A block is opaque bytes; only the distance of blocks may change, in steps of 16 bytes.
        var (blocks, page, row) = (data.Shape[0], data.Shape[1], data.Shape[3]);
        var stride = (page * row + 15) / 16 * 16 + RowPadding;
        var host = Tensor<byte>.Create([blocks, stride]);
        host.Fill(PaddingByte);
        for (long block = 0; block < blocks; block++)
            new ReadOnlySpan<byte>(
                (byte*)data.DataPointer + block * data.Strides[0],
                (int)(page * row)
            ).CopyTo(new Span<byte>(host.DataPointer + block * stride, (int)stride));
        var storage = host.ToDevice(stream.Device, stream);
        return new KvBlocks(
            Tensor<byte>.Wrap(
                storage.DataPointer,
                [blocks, page, 1, row],
                new Strides(stride, row, row, 1),
                device: stream.Device
            ),
            cache.Format
        );
    }

    private static void CheckPadding(Tensor host, int columns)
    {
        var size = DTypes.SizeInBytes(host.DType);
        var rowBytes = checked((int)(host.Shape[-1] * size));
        var bytes = Bytes(host);
        for (var row = 0; row < bytes.Length; row += rowBytes)
            bytes
                .Slice(row + columns * size, rowBytes - columns * size)
                .IndexOfAnyExcept(PaddingByte)
                .Should()
                .Be(-1, "the padding of every row must stay untouched");
    }

    private static Span<byte> Bytes(Tensor host) =>
        new(
            (byte*)host.DataPointer,
            checked((int)(host.ElementCount * DTypes.SizeInBytes(host.DType)))
        );
}
