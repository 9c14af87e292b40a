// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.Ep;

namespace DeepInfra.Benchmarks.Ep;

/// <summary>A group of ranks, a buffer of each and what each received before the measurement.</summary>
public abstract class RankBenchmarks<TBuffer, TResult> : IDisposable
    where TBuffer : EpBuffer
    where TResult : IDisposable
{
    internal RankGang Gang { get; private set; } = null!;

    protected TBuffer[] Buffers { get; private set; } = null!;

    protected TResult[] Received { get; private set; } = null!;

    /// <summary>Makes the ranks and their buffers.</summary>
    protected void Start(int ranks, Func<ExpertParallelGroup, TBuffer> create)
    {
        Gang = new RankGang(ranks);
        Buffers = new TBuffer[ranks];
        Received = new TResult[ranks];
        for (var rank = 0; rank < ranks; rank++)
            Buffers[rank] = create(Gang.Groups[rank]);
    }

    [GlobalCleanup]
    public void Dispose()
    {
        foreach (var received in Received)
            received.Dispose();
        foreach (var buffer in Buffers)
            buffer.Dispose();
        Gang.Dispose();
        GC.SuppressFinalize(this);
    }
}
