// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Core;

namespace EndToEnd.Model;

/// <summary>
/// Scratch tensors of one micro-batch on one expert rank. Everything rented goes back to a shared pool at once
/// when the micro-batch is finished, so a training step allocates no native memory when warm.
/// </summary>
internal sealed class Arena : IDisposable
{
    private const long ChunkElements = 1 << 20;

    private static readonly ConcurrentBag<Tensor<float>> s_pool = [];

    private readonly List<Tensor<float>> _chunks = [];
    private readonly List<Tensor<float>> _oversized = [];
    private long _used = ChunkElements;

    /// <summary>An uninitialised [rows, columns] tensor, valid until the arena is disposed.</summary>
    public Tensor<float> Rent(long rows, long columns)
    {
        var count = rows * columns;
        if (count > ChunkElements)
        {
            var own = Tensor<float>.Create([rows, columns], zeroed: false);
            _oversized.Add(own);
            return own;
        }
        if (_used + count > ChunkElements)
        {
            _chunks.Add(
                s_pool.TryTake(out var chunk)
                    ? chunk
                    : Tensor<float>.Create([ChunkElements], zeroed: false)
            );
            _used = 0;
        }
        var tensor = _chunks[^1].AsSlice(0, _used, count).AsReshaped([rows, columns]);
        // Keep every tensor 64-byte aligned.
        _used += (count + 15) & ~15L;
        return tensor;
    }

    public void Dispose()
    {
        foreach (var chunk in _chunks)
            s_pool.Add(chunk);
        foreach (var tensor in _oversized)
            tensor.Dispose();
        _chunks.Clear();
        _oversized.Clear();
        _used = ChunkElements;
    }

    /// <summary>Frees the pooled memory at the end of the program, so that leaks show in the counters.</summary>
    public static void DrainPool()
    {
        while (s_pool.TryTake(out var chunk))
            chunk.Dispose();
    }
}
