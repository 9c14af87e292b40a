// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster.KeyValue;

/// <summary>
/// Collects what arrives while a write is in progress and writes it as the next batch. With its own thread
/// for writes that wait for a disk, so that they do not hold threads of the pool; otherwise whoever finds
/// no write in progress writes one batch itself, and what has arrived meanwhile goes to the pool. Items are
/// written in the order in which they were added.
/// </summary>
/// <remarks>Thread-safe. The write function runs for one batch at a time and must not throw.</remarks>
internal sealed class GroupCommit<T> : IDisposable
{
    private readonly Action<List<T>> _write;
    private readonly object _lock = new();
    private readonly Thread? _thread;
    private List<T> _queue = [];
    private bool _writing;
    private bool _stopped;

    public GroupCommit(Action<List<T>> write, bool ownThread, string name)
    {
        _write = write;
        if (ownThread)
        {
            _thread = new Thread(Run) { IsBackground = true, Name = name };
            _thread.Start();
        }
    }

    /// <summary>Adds an item to the next batch.</summary>
    /// <returns>True when the caller must call <see cref="WriteNext"/>, once it holds no locks.</returns>
    public bool Add(T item)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_stopped, this);
            _queue.Add(item);
            if (_thread is not null)
            {
                Monitor.Pulse(_lock);
                return false;
            }
            if (_writing)
            {
                return false;
            }
            _writing = true;
            return true;
        }
    }

    /// <summary>Writes one batch; only after <see cref="Add"/> has asked for it.</summary>
    public void WriteNext()
    {
        _write(Take());
        lock (_lock)
        {
            if (_queue.Count == 0)
            {
                _writing = false;
                Monitor.PulseAll(_lock);
                return;
            }
        }
        ThreadPool.UnsafeQueueUserWorkItem(static self => self.WriteNext(), this, false);
    }

    /// <summary>Waits for the items added so far and ends.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _stopped = true;
            Monitor.PulseAll(_lock);
        }
        _thread?.Join();
        lock (_lock)
        {
            while (_writing)
            {
                Monitor.Wait(_lock);
            }
        }
    }

    private void Run()
    {
        while (true)
        {
            lock (_lock)
            {
                while (_queue.Count == 0)
                {
                    if (_stopped)
                    {
                        return;
                    }
                    Monitor.Wait(_lock);
                }
            }
            _write(Take());
        }
    }

    private List<T> Take()
    {
        lock (_lock)
        {
            var batch = _queue;
            _queue = [];
            return batch;
        }
    }
}
