// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;

namespace DeepInfra.FlashMla;

public sealed unsafe partial class PagedMlaKvCache
{
    /// <summary>Bytes of one block in all layers: what <see cref="ExportBlock(int, Span{byte})"/> writes.</summary>
    public int ExportBytes => checked(BlockBytes * LayerCount);

    /// <summary>Copies blocks onto others, in all layers and in order.</summary>
    /// <param name="copies">Pairs of source and destination block.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such block; nothing was copied.</exception>
    /// <exception cref="InvalidOperationException">The cache is in device memory: the overload with a stream is for those.</exception>
    public void CopyBlocks(ReadOnlySpan<(int Source, int Destination)> copies)
    {
        RequireHostOverload("CopyBlocks(copies, stream)");
        CopyAll(copies, null);
    }

    private void CopyAll(ReadOnlySpan<(int Source, int Destination)> copies, CudaStream? stream)
    {
        foreach (var (source, destination) in copies)
        {
            RequireBlock(source, nameof(copies));
            RequireBlock(destination, nameof(copies));
        }
        foreach (var (source, destination) in copies)
            CopyBlock(source, destination, stream);
    }

    /// <summary>Copies the bytes of a block out: layer after layer, each in its storage format.</summary>
    /// <param name="block">The block.</param>
    /// <param name="destination">Exactly <see cref="ExportBytes"/> bytes.</param>
    /// <exception cref="ArgumentException">Wrong length.</exception>
    public void ExportBlock(int block, Span<byte> destination)
    {
        RequireBytes(destination.Length, ExportBytes, nameof(destination));
        for (var layer = 0; layer < LayerCount; layer++)
            ExportBlock(layer, block, destination.Slice(layer * BlockBytes, BlockBytes));
    }

    /// <summary>Copies the bytes of a block of one layer out.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="block">The block.</param>
    /// <param name="destination">Exactly <see cref="BlockBytes"/> bytes.</param>
    /// <exception cref="ArgumentException">Wrong length.</exception>
    public void ExportBlock(int layer, int block, Span<byte> destination)
    {
        RequireHost("Export");
        RequireLayer(layer);
        RequireBlock(block, nameof(block));
        RequireBytes(destination.Length, BlockBytes, nameof(destination));
        new ReadOnlySpan<byte>(BlockAddress(layer, block), BlockBytes).CopyTo(destination);
    }

    /// <summary>Copies exported bytes into a block of all layers.</summary>
    /// <param name="block">The block.</param>
    /// <param name="source">Exactly <see cref="ExportBytes"/> bytes from a cache of the same format, page size and layers.</param>
    /// <exception cref="ArgumentException">Wrong length.</exception>
    public void ImportBlock(int block, ReadOnlySpan<byte> source)
    {
        RequireBytes(source.Length, ExportBytes, nameof(source));
        for (var layer = 0; layer < LayerCount; layer++)
            ImportBlock(layer, block, source.Slice(layer * BlockBytes, BlockBytes));
    }

    /// <summary>Copies exported bytes into a block of one layer.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="block">The block.</param>
    /// <param name="source">Exactly <see cref="BlockBytes"/> bytes.</param>
    /// <exception cref="ArgumentException">Wrong length.</exception>
    public void ImportBlock(int layer, int block, ReadOnlySpan<byte> source)
    {
        RequireHost("Import");
        RequireLayer(layer);
        RequireBlock(block, nameof(block));
        RequireBytes(source.Length, BlockBytes, nameof(source));
        source.CopyTo(new Span<byte>(BlockAddress(layer, block), BlockBytes));
    }

    /// <summary>Bytes of a whole exported sequence: its blocks in token order, each with all layers.</summary>
    /// <param name="sequence">A live sequence of this cache.</param>
    public long GetExportBytes(MlaSequence sequence)
    {
        RequireOwned(sequence);
        return (long)BlocksFor(sequence.Length) * ExportBytes;
    }

    /// <summary>Copies a whole sequence out, for instance to move it to another machine or to storage.</summary>
    /// <param name="sequence">A live sequence of this cache.</param>
    /// <param name="destination">Exactly <see cref="GetExportBytes"/> bytes.</param>
    /// <exception cref="ArgumentException">Wrong length.</exception>
    public void Export(MlaSequence sequence, Span<byte> destination)
    {
        RequireBytes(destination.Length, GetExportBytes(sequence), nameof(destination));
        for (var i = 0; i < BlocksFor(sequence.Length); i++)
            ExportBlock(sequence.Blocks[i], destination.Slice(i * ExportBytes, ExportBytes));
    }

    /// <summary>Makes a sequence from exported bytes.</summary>
    /// <param name="source">What <see cref="Export"/> wrote, from a cache of the same format, page size and layers.</param>
    /// <param name="length">Tokens of the exported sequence.</param>
    /// <returns>The sequence, or null if there are too few free blocks.</returns>
    /// <exception cref="ArgumentException">The byte count does not fit the length.</exception>
    public MlaSequence? TryImport(ReadOnlySpan<byte> source, int length)
    {
        RequireHost("Import");
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        RequireBytes(source.Length, (long)BlocksFor(length) * ExportBytes, nameof(source));
        var sequence = CreateSequence();
        if (!TryExtend(sequence, length))
            return null;
        for (var i = 0; i < sequence.BlockCount; i++)
            ImportBlock(sequence.Blocks[i], source.Slice(i * ExportBytes, ExportBytes));
        return sequence;
    }

    private void CopyBlock(int source, int destination, CudaStream? stream)
    {
        for (var layer = 0; layer < LayerCount; layer++)
            if (stream is not null)
                CopyOnDevice(layer, source, destination, stream);
            else
                new ReadOnlySpan<byte>(BlockAddress(layer, source), BlockBytes).CopyTo(
                    new Span<byte>(BlockAddress(layer, destination), BlockBytes)
                );
    }

    private void Clear(int block, CudaStream? stream)
    {
        for (var layer = 0; layer < LayerCount; layer++)
            if (stream is not null)
                ClearOnDevice(layer, block, stream);
            else
                new Span<byte>(BlockAddress(layer, block), BlockBytes).Clear();
    }

    private static void RequireBytes(long actual, long expected, string name)
    {
        if (actual != expected)
            throw new ArgumentException($"{name}: expected {expected} bytes, got {actual}", name);
    }
}
