// SPDX-License-Identifier: MIT
using System.Diagnostics;
using DeepInfra.Core;
using DeepInfra.Ep;
using DeepInfra.Headlines.Ceilings;

namespace DeepInfra.Headlines.Ep;

/// <summary>
/// Dispatches and combines between in-process ranks, one per core, and the runtime's memory copy by as many threads
/// and of as many bytes, all far beyond the caches. Copies take turns with the exchanges, so that a machine whose
/// memory is slower at times is so for both sides.
/// </summary>
internal sealed class ExchangeRun : IDisposable
{
    private const int Tokens = 4096;
    private const int Hidden = 7168;
    private const int Experts = 256;
    private const int TopK = 8;
    private const int Rounds = 3;
    private const int Passes = 12;
    private const int WarmPasses = 3;

    private readonly int _ranks = Math.Max(2, Environment.ProcessorCount);
    private readonly long[] _times;
    private readonly Barrier _barrier;
    private long _rows;

    private ExchangeRun()
    {
        _times = new long[_ranks];
        _barrier = new Barrier(_ranks);
    }

    /// <summary>GB/s of the memory copy, each byte counted once.</summary>
    public double Copy { get; private set; }

    /// <summary>Seconds of the fastest dispatch, all ranks.</summary>
    public double Dispatch { get; private set; } = double.MaxValue;

    /// <summary>Seconds of the fastest combine, all ranks.</summary>
    public double Combine { get; private set; } = double.MaxValue;

    /// <summary>Payload bytes of the rows that arrive, all ranks.</summary>
    public long RowBytes => _rows * Hidden * 2;

    /// <summary>Payload bytes of the sums of a combine, all ranks.</summary>
    public long SumBytes => (long)_ranks * Tokens * Hidden * 2;

    /// <summary>Measures.</summary>
    public static ExchangeRun Measure(TextWriter log)
    {
        var run = new ExchangeRun();
        var groups = ExpertParallelGroup.CreateInProcess(run._ranks);
        var inputs = Enumerable.Range(0, run._ranks).Select(InputOf).ToArray();
        for (var round = 0; round < Rounds; round++)
        {
            run.MeasureCopy();
            var threads = Array.ConvertAll(
                groups,
                group => new Thread(() => run.Play(group, inputs[group.Rank]))
            );
            Array.ForEach(threads, thread => thread.Start());
            Array.ForEach(threads, thread => thread.Join());
        }
        run.MeasureCopy();
        log.WriteLine(
            $"{run._ranks} ranks, T={Tokens}, H={Hidden} BFloat16, K={TopK} of E={Experts}: {run.RowBytes >> 20} MiB arrive, {run.SumBytes >> 20} MiB of sums"
        );
        log.WriteLine($"memory copy by {run._ranks} threads: {run.Copy:0.00} GB/s");
        return run;
    }

    /// <inheritdoc/>
    public void Dispose() => _barrier.Dispose();

    private static DispatchInput InputOf(int rank)
    {
        var x = Tensor<BFloat16>.Create([Tokens, Hidden], zeroed: false);
        var random = new Random(rank);
        // Finite values: sums of NaN would not be typical.
        foreach (ref var value in x.AsSpan())
            value = BFloat16.FromBits((ushort)(0x3F00 + random.Next(0x100)));
        var (topkIdx, topkWeights) = new RoutingGenerator(Experts, TopK, rank).Next(Tokens);
        return new DispatchInput(x, topkIdx, topkWeights) { Experts = Experts };
    }

    private void MeasureCopy() =>
        Copy = Math.Max(Copy, MemoryCopy.MeasureGigabytesPerSecond(_ranks, 2 * SumBytes));

    private void Play(ExpertParallelGroup group, DispatchInput input)
    {
        using var buffer = ThroughputBuffer.Create(
            group,
            new ThroughputBufferOptions { MaxTokensPerRank = Tokens, Hidden = Hidden }
        );
        long rows = 0;
        for (var pass = 0; pass < Passes; pass++)
        {
            DispatchResult? received = null;
            var dispatch = Time(group.Rank, () => received = buffer.Dispatch(input));
            CombineResult? sums = null;
            var combine = Time(
                group.Rank,
                () => sums = buffer.Combine(received!.X, received.Handle)
            );
            rows = received!.RowCount;
            received.Handle.Dispose();
            received.Dispose();
            sums!.Dispose();
            // The first passes allocate and compile.
            if (group.Rank != 0 || pass < WarmPasses)
                continue;
            Dispatch = Math.Min(Dispatch, dispatch);
            Combine = Math.Min(Combine, combine);
        }
        if (group.Rank == 0)
            _rows = 0;
        _barrier.SignalAndWait();
        Interlocked.Add(ref _rows, rows);
    }

    /// <summary>Seconds until the slowest rank is done; the ranks start together.</summary>
    private double Time(int rank, Action body)
    {
        _barrier.SignalAndWait();
        var start = Stopwatch.GetTimestamp();
        body();
        _times[rank] = Stopwatch.GetTimestamp() - start;
        _barrier.SignalAndWait();
        return _times.Max() / (double)Stopwatch.Frequency;
    }
}
