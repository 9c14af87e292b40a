// SPDX-License-Identifier: MIT
using System.Diagnostics;
using DeepInfra.Core;
using DeepInfra.Ep;
using DeepInfra.Headlines.Ceilings;

namespace DeepInfra.Headlines.Ep;

/// <summary>
/// Throughput dispatch between in-process ranks, one per core, against the runtime's memory copy of the same bytes
/// by as many threads. Bytes are those of the received rows, each counted once.
/// </summary>
internal sealed class DispatchHeadline : IHeadline
{
    private const int Tokens = 4096;
    private const int Hidden = 7168;
    private const int Experts = 256;
    private const int TopK = 8;
    private const int Passes = 15;

    public string Name => "ep-dispatch-vs-memcpy";

    public string Unit => "x";

    public string Goal => ">= 0.8";

    public HeadlineResult Measure(TextWriter log)
    {
        var ranks = Math.Max(2, Environment.ProcessorCount);
        var groups = ExpertParallelGroup.CreateInProcess(ranks);
        var x = new Tensor<BFloat16>[ranks];
        var routing = new (Tensor<long> Idx, Tensor<float> Weights)[ranks];
        for (var rank = 0; rank < ranks; rank++)
        {
            x[rank] = Tensor<BFloat16>.Create([Tokens, Hidden], zeroed: false);
            new Random(rank).NextBytes(
                System.Runtime.InteropServices.MemoryMarshal.AsBytes(x[rank].AsSpan())
            );
            routing[rank] = new RoutingGenerator(Experts, TopK, rank).Next(Tokens);
        }

        var best = double.MaxValue;
        var copy = 0.0;
        long bytes = 0;
        // Copies before and after: a machine that slows down meanwhile shows on both sides.
        copy = MemoryCopy.MeasureGigabytesPerSecond(ranks, 2L * ranks * Tokens * Hidden * 2);
        var times = new long[ranks];
        using var barrier = new Barrier(ranks);
        var threads = new Thread[ranks];
        for (var r = 0; r < ranks; r++)
        {
            var rank = r;
            threads[rank] = new Thread(() =>
            {
                using var buffer = ThroughputBuffer.Create(
                    groups[rank],
                    new ThroughputBufferOptions { MaxTokensPerRank = Tokens, Hidden = Hidden }
                );
                var input = new DispatchInput(x[rank], routing[rank].Idx, routing[rank].Weights)
                {
                    Experts = Experts,
                };
                for (var pass = 0; pass < Passes; pass++)
                {
                    barrier.SignalAndWait();
                    var start = Stopwatch.GetTimestamp();
                    using var received = buffer.Dispatch(input);
                    times[rank] = Stopwatch.GetTimestamp() - start;
                    if (pass == 0)
                        Interlocked.Add(ref bytes, (long)received.RowCount * Hidden * 2);
                    barrier.SignalAndWait();
                    // The first passes allocate and compile.
                    if (rank == 0 && pass >= 3)
                        best = Math.Min(best, times.Max() / (double)Stopwatch.Frequency);
                }
            });
            threads[rank].Start();
        }
        foreach (var thread in threads)
            thread.Join();
        copy = Math.Max(
            copy,
            MemoryCopy.MeasureGigabytesPerSecond(ranks, 2L * ranks * Tokens * Hidden * 2)
        );

        var dispatch = bytes / best / 1e9;
        log.WriteLine(
            $"{ranks} ranks, T={Tokens}, H={Hidden} BFloat16, K={TopK} of E={Experts}: {bytes >> 20} MiB received in {best * 1e3:0.00} ms"
        );
        log.WriteLine($"dispatch {dispatch:0.00} GB/s, memory copy {copy:0.00} GB/s");
        return new HeadlineResult(dispatch / copy);
    }
}
