// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.FlashMla.Cuda;

namespace DeepInfra.FlashMla;

public sealed unsafe partial class MlaDecodePlan
{
    // On a GPU a request costs a part about as much as five blocks, whatever its length.
    private const int CudaOverheadBlocks = 5;

    private readonly PlanBuffers? _buffers;

    /// <summary>The device whose tensors decode calls take.</summary>
    public Device Device { get; }

    /// <summary>Plans a batch for a CUDA device and enqueues the copy of the schedule.</summary>
    /// <param name="cacheSeqlens">Int32 <c>[b]</c> in host memory, contiguous, as for the overload without stream.</param>
    /// <param name="stream">A stream of the plan's device. Decode calls on other streams must be ordered after it, and the next update after them.</param>
    /// <inheritdoc cref="Update(ReadOnlySpan{int}, CudaStream)" path="/exception"/>
    /// <inheritdoc cref="Update(ReadOnlySpan{int}, CudaStream)" path="/remarks"/>
    public void Update(Tensor<int> cacheSeqlens, CudaStream stream)
    {
        CheckLengthTensor(cacheSeqlens);
        Update(new ReadOnlySpan<int>(cacheSeqlens.DataPointer, (int)cacheSeqlens.Shape[0]), stream);
        GC.KeepAlive(cacheSeqlens);
    }

    /// <summary>Plans a batch for a CUDA device from host memory and enqueues the copy of the schedule.</summary>
    /// <param name="cacheSeqlens">Tokens per request, at least 0; at most MaxBatch requests.</param>
    /// <param name="stream">A stream of the plan's device. Decode calls on other streams must be ordered after it, and the next update after them.</param>
    /// <exception cref="ArgumentNullException">The stream is null.</exception>
    /// <exception cref="ArgumentException">Too many requests, a negative length, a stream of another device, or the plan is for the CPU.</exception>
    /// <exception cref="InvalidOperationException">A call is using the plan, or the stream captures.</exception>
    /// <exception cref="CudaOutOfMemoryException">The device has not enough free memory.</exception>
    /// <remarks>
    /// Returns without waiting, unless the copy of an earlier update is still to come. With
    /// <see cref="SplitPolicy.Balanced"/> the number of parts and all addresses stay the same from the first update on: a graph
    /// that captured decode calls of one batch size follows later updates, made outside of it.
    /// </remarks>
    public void Update(ReadOnlySpan<int> cacheSeqlens, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (Device.IsCpu)
            throw new ArgumentException(
                "stream: expected none, because the plan is for the CPU",
                nameof(stream)
            );
        ArgumentCheck.Stream(stream, Device);
        if (stream.IsCapturing)
            throw new InvalidOperationException(
                "Update copies host memory, which a capture would freeze; call it before or after the capture."
            );
        Plan(cacheSeqlens, stream);
    }

    /// <summary>The schedule in device memory; only for plans of CUDA devices.</summary>
    internal PlanBuffers Buffers => _buffers!;

    /// <summary>Why a call with these lengths on the device does not fit; their values cannot be seen.</summary>
    internal string? StaleDeviceLengths(Tensor<int> cacheSeqlens)
    {
        if (!_updated)
            return "cacheSeqlens: the plan was never updated; call Update first";
        return cacheSeqlens.ElementCount == Batch
            ? null
            : $"cacheSeqlens: the plan was updated for {Batch} requests, got {cacheSeqlens.Shape}";
    }

    private static int CudaParts(Device device, MlaDecodeOptions options) =>
        MlaSchedule.DensePartCount(
            CudaDecodeSupport.RequireDevice(device).MultiprocessorCount,
            options.Shape.KvHeads,
            options.QueryTokens,
            options.Shape.GroupSize
        );

    private void Upload(CudaStream stream)
    {
        // A part can touch two split requests, its first and its last one.
        var sets =
            Options.SplitPolicy == SplitPolicy.Balanced
                ? (PartCount > 1 ? 2L * PartCount : 0)
                : SplitSets;
        Buffers.Reserve(PartCount, sets, stream);
        Buffers.Upload(PartRecords, SplitOffsets, _splitBase.AsSpan(0, Batch), stream);
    }
}
