// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep.Engine;

/// <summary>
/// Runs the asynchronous operations of one buffer one after the other: the CPU's counterpart of a
/// communication stream. The thread starts with the first asynchronous operation. Waiting for peers blocks
/// it, which is why it is not a pool thread.
/// </summary>
internal sealed class CommunicationThread(string name)
{
    private readonly object _gate = new();
    private readonly Queue<IEpOperation> _queue = new();
    private Thread? _thread;
    private int _unfinished;
    private bool _closed;

    /// <summary>True if every enqueued operation has ended.</summary>
    public bool IsIdle => Volatile.Read(ref _unfinished) == 0;

    public void Enqueue(IEpOperation operation)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            operation.Completion.Begin();
            _queue.Enqueue(operation);
            _unfinished++;
            if (_thread is null)
            {
                _thread = new Thread(Loop) { IsBackground = true, Name = name };
                // Without the caller's execution context, which would live as long as the thread.
                _thread.UnsafeStart();
            }
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Lets enqueued operations finish and ends the thread.</summary>
    public void Close()
    {
        Thread? thread;
        lock (_gate)
        {
            _closed = true;
            thread = _thread;
            Monitor.Pulse(_gate);
        }
        if (thread is not null && thread != Thread.CurrentThread)
            thread.Join();
    }

    private void Loop()
    {
        while (true)
        {
            IEpOperation operation;
            lock (_gate)
            {
                while (_queue.Count == 0)
                {
                    if (_closed)
                        return;
                    Monitor.Wait(_gate);
                }
                operation = _queue.Dequeue();
            }
            Exception? error = null;
            try
            {
                operation.Execute();
            }
            catch (Exception e)
            {
                // Every failure belongs to the operation's event; the thread goes on with the next one.
                error = e;
            }
            // First the count: whoever saw the event complete must find the queue idle.
            Interlocked.Decrement(ref _unfinished);
            operation.Completion.Complete(error);
        }
    }
}
