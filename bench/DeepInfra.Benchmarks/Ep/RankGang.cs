// SPDX-License-Identifier: MIT
using DeepInfra.Ep;

namespace DeepInfra.Benchmarks.Ep;

/// <summary>
/// Resident threads that play the ranks of a group: the caller is rank 0, so that a benchmark's allocations are
/// those of a rank, and a round costs one hand-over per further rank.
/// </summary>
internal sealed class RankGang : IDisposable
{
    private readonly SemaphoreSlim[] _start;
    private readonly Thread[] _threads;
    private readonly CountdownEvent _done;
    private Action<int>? _round;
    private Exception? _error;

    public RankGang(int ranks)
    {
        Groups = ExpertParallelGroup.CreateInProcess(ranks);
        _start = new SemaphoreSlim[ranks - 1];
        _threads = new Thread[ranks - 1];
        _done = new CountdownEvent(Math.Max(1, ranks - 1));
        for (var i = 0; i < _threads.Length; i++)
        {
            var rank = i + 1;
            _start[i] = new SemaphoreSlim(0);
            _threads[i] = new Thread(() => Play(rank)) { IsBackground = true };
            _threads[i].Start();
        }
    }

    public ExpertParallelGroup[] Groups { get; }

    /// <summary>Runs the body once per rank and returns when all ranks are done.</summary>
    public void Run(Action<int> body)
    {
        _round = body;
        if (_threads.Length > 0)
            _done.Reset(_threads.Length);
        foreach (var start in _start)
            start.Release();
        body(0);
        if (_threads.Length > 0)
            _done.Wait();
        if (_error is not null)
            throw new InvalidOperationException("A rank failed.", _error);
    }

    public void Dispose()
    {
        _round = null;
        foreach (var start in _start)
            start.Release();
        foreach (var thread in _threads)
            thread.Join();
        foreach (var start in _start)
            start.Dispose();
        foreach (var group in Groups)
            group.Dispose();
        _done.Dispose();
    }

    private void Play(int rank)
    {
        while (true)
        {
            _start[rank - 1].Wait();
            if (_round is null)
                return;
            try
            {
                _round(rank);
            }
            catch (Exception e)
            {
                // Rank 0, which waits for this one, fails too and reports it.
                _error = e;
                Groups[rank].Dispose();
            }
            _done.Signal();
        }
    }
}
