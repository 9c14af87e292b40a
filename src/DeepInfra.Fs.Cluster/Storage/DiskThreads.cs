// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;

namespace DeepInfra.Fs.Cluster.Storage;

/// <summary>
/// Threads that may wait for a disk. The thread pool is small and grows slowly; reads that are not in the
/// page cache would otherwise run a few at a time and hold up everything else.
/// </summary>
internal sealed class DiskThreads : IDisposable
{
    private readonly BlockingCollection<(BatchRead Read, TaskCompletionSource Done)> _queue = [];
    private readonly List<Thread> _threads = [];

    public DiskThreads(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var thread = new Thread(Run) { IsBackground = true, Name = $"3fs disk {i}" };
            _threads.Add(thread);
            thread.Start();
        }
    }

    /// <summary>Finishes a batch of reads.</summary>
    /// <exception cref="ObjectDisposedException">The node is stopping.</exception>
    public Task RunAsync(BatchRead read)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            _queue.Add((read, done));
        }
        catch (InvalidOperationException)
        {
            throw new ObjectDisposedException(nameof(DiskThreads));
        }
        return done.Task;
    }

    /// <summary>Waits for the reads in the queue and ends the threads.</summary>
    public void Dispose()
    {
        _queue.CompleteAdding();
        _threads.ForEach(t => t.Join());
        _queue.Dispose();
    }

    private void Run()
    {
        foreach (var (read, done) in _queue.GetConsumingEnumerable())
        {
            try
            {
                read.TryRun(mayWait: true);
                done.SetResult();
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        }
    }
}
