// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.FlashMla.Cuda;

namespace DeepInfra.FlashMla;

public sealed unsafe partial class PagedMlaKvCache
{
    /// <summary>
    /// Allocates a zeroed cache in device memory, in the order of a stream. What writes blocks there takes a stream; calls on
    /// different streams must be ordered by the caller. Gathering, export and import, and appending by position are for
    /// caches in host memory only in this version.
    /// </summary>
    /// <param name="options">Size and format; threads and tier do not matter.</param>
    /// <param name="stream">Decides the device; work enqueued on it from now on may use the cache.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    /// <exception cref="NotSupportedException">A combination that the format cannot hold, a Float16 cache, or a GPU older than compute capability 8.0.</exception>
    /// <exception cref="NativeLibraryNotFoundException">The driver or the native library is missing.</exception>
    /// <exception cref="CudaOutOfMemoryException">The device has not enough free memory.</exception>
    public PagedMlaKvCache(PagedMlaKvCacheOptions options, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(stream);
        Options = options;
        Device = stream.Device;
        Allocator = new BlockAllocator(options.ResolveBlockCount());
        CudaDecodeSupport.RequireFormat(options.Format);
        CudaDecodeSupport.RequireDevice(stream.Device);
        _tensors = new Tensor[options.LayerCount];
        _layers = new KvBlocks[options.LayerCount];
        try
        {
            for (var i = 0; i < _layers.Length; i++)
                _layers[i] = KvBlocks.Allocate(
                    options.Format,
                    BlockCount,
                    PageSize,
                    options.KvHeads,
                    options.HeadDim,
                    stream,
                    out _tensors[i]
                );
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Where the blocks are.</summary>
    public Device Device { get; }

    /// <summary>As <see cref="TryReserve(MlaSequence, int)"/>, for a cache in device memory: clearing and copying blocks is enqueued.</summary>
    /// <param name="sequence">A live sequence of this cache.</param>
    /// <param name="tokens">Tokens to make room for behind the current length, at least 0.</param>
    /// <param name="stream">A stream of the cache's device.</param>
    /// <returns>False if there are too few free blocks; nothing changed then.</returns>
    /// <exception cref="ArgumentException">The stream is null or of another device.</exception>
    /// <exception cref="BlockOwnershipException">The sequence was freed or belongs to another cache.</exception>
    public bool TryReserve(MlaSequence sequence, int tokens, CudaStream stream)
    {
        RequireStream(stream);
        return Reserve(sequence, tokens, stream);
    }

    /// <summary>As <see cref="TryExtend(MlaSequence, int)"/>, for a cache in device memory.</summary>
    /// <param name="sequence">A live sequence of this cache.</param>
    /// <param name="tokens">New tokens, at least 0.</param>
    /// <param name="stream">A stream of the cache's device.</param>
    /// <returns>False if there are too few free blocks; nothing changed then.</returns>
    /// <exception cref="ArgumentException">The stream is null or of another device.</exception>
    public bool TryExtend(MlaSequence sequence, int tokens, CudaStream stream)
    {
        if (!TryReserve(sequence, tokens, stream))
            return false;
        sequence.Length += tokens;
        return true;
    }

    /// <summary>As <see cref="Extend(MlaSequence, int)"/>, for a cache in device memory.</summary>
    /// <param name="sequence">A live sequence of this cache.</param>
    /// <param name="tokens">New tokens, at least 0.</param>
    /// <param name="stream">A stream of the cache's device.</param>
    /// <exception cref="ArgumentException">The stream is null or of another device.</exception>
    /// <exception cref="KvCacheFullException">Too few free blocks; nothing changed.</exception>
    public void Extend(MlaSequence sequence, int tokens, CudaStream stream)
    {
        if (!TryExtend(sequence, tokens, stream))
            throw Full(sequence, tokens);
    }

    /// <summary>As <see cref="CopyBlocks(ReadOnlySpan{ValueTuple{int, int}})"/>, for a cache in device memory.</summary>
    /// <param name="copies">Pairs of source and destination block.</param>
    /// <param name="stream">A stream of the cache's device.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such block; nothing was copied.</exception>
    /// <exception cref="ArgumentException">The stream is null or of another device.</exception>
    public void CopyBlocks(ReadOnlySpan<(int Source, int Destination)> copies, CudaStream stream)
    {
        RequireStream(stream);
        CopyAll(copies, stream);
    }

    /// <summary>
    /// Enqueues: quantises tokens to the cache's format and stores them at the given slots. The bytes are those of a cache in host
    /// memory; infinite values saturate, as nobody waits for an error.
    /// </summary>
    /// <param name="layer">The layer.</param>
    /// <param name="slots">Int32 <c>[T]</c> on the device, contiguous: block · page + offset; tokens whose slot is negative or outside the cache are skipped. No slot may occur twice.</param>
    /// <param name="rows"><c>[T, D]</c> (or <c>[T, KV heads, D]</c>) on the device, latent then rotary columns, BFloat16 or Float32, last axis contiguous.</param>
    /// <param name="stream">A stream of the cache's device.</param>
    /// <exception cref="ArgumentException">A type, shape, stride or device is wrong.</exception>
    /// <exception cref="NotSupportedException">Float16 rows.</exception>
    /// <remarks>Returns at once; the memory is recorded on the stream. Allocates nothing when warm. May be captured.</remarks>
    public void Append(int layer, Tensor<int> slots, Tensor rows, CudaStream stream)
    {
        ValidateOnDevice(layer, slots, stream);
        ValidateRows(rows, slots.Shape[0], Options.HeadDim, nameof(rows));
        CudaDecodeSupport.RequireRows(rows, nameof(rows));
        CudaAppend.Run(
            _layers[layer],
            Options.ScaleFormat,
            slots,
            rows,
            LatentDim,
            rotary: null,
            stream
        );
        FlashMlaMeter.Count(FlashMlaMeter.Append, slots.Shape[0]);
    }

    /// <summary>Enqueues: quantises tokens whose latent and rotary parts are separate tensors and stores them at the given slots.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="slots">As for the packed overload with a stream.</param>
    /// <param name="latent"><c>[T, L]</c> on the device; L is 512 for 656-byte rows and 448 for 584-byte rows.</param>
    /// <param name="rope"><c>[T, D - L]</c> of the same type.</param>
    /// <param name="stream">A stream of the cache's device.</param>
    /// <exception cref="ArgumentException">As for the packed overload, or the types differ.</exception>
    /// <exception cref="NotSupportedException">Float16 rows.</exception>
    public void Append(int layer, Tensor<int> slots, Tensor latent, Tensor rope, CudaStream stream)
    {
        ValidateOnDevice(layer, slots, stream);
        var latentDim = ValidateParts(slots, latent, rope);
        CudaDecodeSupport.RequireRows(latent, nameof(latent));
        CudaDecodeSupport.RequireRows(rope, nameof(rope));
        CudaAppend.Run(_layers[layer], Options.ScaleFormat, slots, latent, latentDim, rope, stream);
        FlashMlaMeter.Count(FlashMlaMeter.Append, slots.Shape[0]);
    }

    private void ValidateOnDevice(int layer, Tensor<int> slots, CudaStream stream)
    {
        RequireStream(stream);
        RequireLayer(layer);
        ArgumentCheck.Alive(slots);
        ArgumentCheck.Rank(slots, 1, "[T]", nameof(slots));
        ArgumentCheck.LastAxisContiguous(slots, nameof(slots));
        RequireDevice(slots, nameof(slots));
    }

    private void RequireDevice(Tensor tensor, string name)
    {
        if (tensor.Device != Device)
            throw new ArgumentException(
                $"{name}: expected a tensor on {Device}, the device of the cache, got one on {tensor.Device}",
                name
            );
    }

    // Overloads with a stream are for caches in device memory, those without for host memory.
    private void RequireStream(CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentCheck.Stream(stream, Device);
    }

    private void RequireHostOverload(string overload) =>
        ArgumentCheck.HostOverload(Device, overload);

    private void RequireHost(string operation)
    {
        if (!Device.IsCpu)
            throw new NotSupportedException(
                $"{operation} works on caches in host memory only in this version; this one is on {Device}"
            );
    }

    private void CopyOnDevice(int layer, int source, int destination, CudaStream stream)
    {
        using (stream.Use())
            stream.Context.Check(
                stream.Api.MemcpyDtoDAsync(
                    (ulong)BlockAddress(layer, destination),
                    (ulong)BlockAddress(layer, source),
                    (nuint)BlockBytes,
                    stream.SafeHandle.Value
                ),
                "cuMemcpyDtoDAsync"
            );
        _tensors[layer].RecordStream(stream);
    }

    private void ClearOnDevice(int layer, int block, CudaStream stream)
    {
        using (stream.Use())
            stream.Context.Check(
                stream.Api.MemsetD8Async(
                    (ulong)BlockAddress(layer, block),
                    0,
                    (nuint)BlockBytes,
                    stream.SafeHandle.Value
                ),
                "cuMemsetD8Async"
            );
        _tensors[layer].RecordStream(stream);
    }
}
