// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.FlashMla;

/// <summary>
/// A paged KV cache of all layers of a model: blocks of tokens, sequences that own or share blocks, quantising append,
/// gather, and export of blocks as bytes. The block structure follows FlashMLA's and vLLM's paged caches.
/// </summary>
/// <remarks>
/// Sequence operations are thread-safe between different sequences. Appending to different slots from several
/// threads is safe; reading a slot needs its append to have finished.
/// </remarks>
/// <example>
/// <code>
/// using var cache = new PagedMlaKvCache(new() { BlockCount = 16, Format = KvCacheFormat.Fp8V32 });
/// var sequence = cache.CreateSequence();
/// cache.Extend(sequence, tokens: 3);
/// cache.Append(layer: 0, sequence, position: 0, latentAndRope); // [3, 576]
/// </code>
/// </example>
public sealed unsafe partial class PagedMlaKvCache : IDisposable
{
    private readonly KvBlocks[] _layers;
    private readonly Tensor[] _tensors;

    /// <summary>Allocates a cache in host memory.</summary>
    /// <param name="options">Size and format.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    /// <exception cref="NotSupportedException">A combination that the format cannot hold.</exception>
    public PagedMlaKvCache(PagedMlaKvCacheOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Options = options;
        Allocator = new BlockAllocator(options.ResolveBlockCount());
        _tensors = new Tensor[options.LayerCount];
        _layers = new KvBlocks[options.LayerCount];
        var bytes = checked(
            KvLayout.BlockStrideBytes(options.Format, PageSize, options.KvHeads, options.HeadDim)
            * BlockCount
        );
        // A cache outlives the scope in which it is made.
        using var suspended = TensorScope.Suspend();
        try
        {
            for (var i = 0; i < _layers.Length; i++)
            {
                _layers[i] = KvBlocks.Allocate(
                    options.Format,
                    BlockCount,
                    PageSize,
                    options.KvHeads,
                    options.HeadDim,
                    bytes
                );
                _tensors[i] = _layers[i].Data;
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The options the cache was created with.</summary>
    public PagedMlaKvCacheOptions Options { get; }

    /// <summary>The allocator of block numbers.</summary>
    public BlockAllocator Allocator { get; }

    /// <summary>Blocks per layer.</summary>
    public int BlockCount => Allocator.BlockCount;

    /// <summary>Tokens per block.</summary>
    public int PageSize => Options.PageSize;

    /// <summary>Layers.</summary>
    public int LayerCount => Options.LayerCount;

    /// <summary>Bytes of one block in one layer, padding between blocks not counted.</summary>
    public int BlockBytes =>
        checked(PageSize * Options.KvHeads * KvLayout.RowBytes(Options.Format, Options.HeadDim));

    /// <summary>The blocks of a layer, for attention calls.</summary>
    /// <param name="layer">The layer.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such layer.</exception>
    public KvBlocks Layer(int layer)
    {
        RequireLayer(layer);
        return _layers[layer];
    }

    /// <summary>Frees the memory; tensors borrowed from <see cref="Layer"/> must not be used afterwards.</summary>
    public void Dispose()
    {
        foreach (var tensor in _tensors)
            tensor?.Dispose();
    }

    private byte* BlockAddress(int layer, int block)
    {
        var tensor = _tensors[layer];
        return (byte*)tensor.DataPointer
            + block * tensor.Strides[0] * DTypes.SizeInBytes(tensor.DType);
    }

    private void RequireLayer(int layer)
    {
        if ((uint)layer >= (uint)_layers.Length)
            throw new ArgumentOutOfRangeException(
                nameof(layer),
                $"layer: expected a value in [0,{_layers.Length}), got {layer}"
            );
    }

    private void RequireBlock(int block, string name)
    {
        if ((uint)block >= (uint)BlockCount)
            throw new ArgumentOutOfRangeException(
                name,
                $"{name}: expected a block in [0,{BlockCount}), got {block}"
            );
    }
}
