// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Transports;

/// <summary>Messages on their way to one rank, keyed by tag. All state is guarded by one lock.</summary>
internal sealed class InProcessMailbox(int rankCount, int capacity)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<MessageTag, Entry> _entries = [];
    private readonly int[] _buffered = new int[rankCount];
    private readonly Queue<MessageTag>?[] _waitingSends = new Queue<MessageTag>?[rankCount];
    private readonly Stack<PendingOperation> _pool = new();
    private AbortInfo? _fault;
    private long _firstStep = long.MinValue;

    public ValueTask Send(
        int source,
        MessageTag tag,
        TensorList tensors,
        CancellationToken cancellationToken
    )
    {
        PendingOperation receiver;
        lock (_lock)
        {
            if (_fault is not null || tag.StepId < _firstStep)
            {
                tensors.DisposeAll();
                return _fault is null
                    ? ValueTask.CompletedTask
                    : ValueTask.FromException(new PipelinePeerFaultedException(_fault));
            }

            ref var entry = ref CollectionsMarshal.GetValueRefOrAddDefault(
                _entries,
                tag,
                out var exists
            );
            if (!exists)
            {
                entry.Source = source;
                entry.Tensors = tensors;
                if (_buffered[source] < capacity)
                {
                    _buffered[source]++;
                    return ValueTask.CompletedTask;
                }

                var operation = Rent(tag);
                entry.Sender = operation;
                (_waitingSends[source] ??= new Queue<MessageTag>()).Enqueue(tag);
                operation.WatchCancellation(cancellationToken);
                return new ValueTask(operation, operation.Version);
            }

            if (entry.Receiver is null)
            {
                tensors.DisposeAll();
                return ValueTask.FromException(
                    new InvalidOperationException($"a message was sent twice: {tag}")
                );
            }

            receiver = entry.Receiver;
            _entries.Remove(tag);
        }

        receiver.SetResult(new TensorMessage(tag, tensors));
        return ValueTask.CompletedTask;
    }

    public ValueTask<TensorMessage> Receive(MessageTag tag, CancellationToken cancellationToken)
    {
        PendingOperation? sender;
        PendingOperation? promoted = null;
        TensorMessage message;
        lock (_lock)
        {
            if (_fault is not null)
            {
                return ValueTask.FromException<TensorMessage>(
                    new PipelinePeerFaultedException(_fault)
                );
            }

            ref var entry = ref CollectionsMarshal.GetValueRefOrAddDefault(
                _entries,
                tag,
                out var exists
            );
            if (!exists)
            {
                var operation = Rent(tag);
                entry.Receiver = operation;
                operation.WatchCancellation(cancellationToken);
                return new ValueTask<TensorMessage>(operation, operation.Version);
            }

            if (entry.Receiver is not null)
            {
                return ValueTask.FromException<TensorMessage>(
                    new InvalidOperationException($"a message was received twice: {tag}")
                );
            }

            message = new TensorMessage(tag, entry.Tensors);
            sender = entry.Sender;
            var source = entry.Source;
            _entries.Remove(tag);
            if (sender is null)
            {
                promoted = Promote(source);
            }
        }

        sender?.SetResult(default);
        promoted?.SetResult(default);
        return new ValueTask<TensorMessage>(message);
    }

    public void SetFault(AbortInfo reason)
    {
        lock (_lock)
        {
            _fault = reason;
        }
    }

    /// <summary>Fails what is pending, unless the mailbox was reset for the next step since the fault was set.</summary>
    public void FailAll(AbortInfo reason)
    {
        List<PendingOperation> failed;
        lock (_lock)
        {
            if (!ReferenceEquals(_fault, reason))
            {
                return;
            }

            failed = Drain();
        }

        Fail(failed, new PipelinePeerFaultedException(reason));
    }

    public void Reset(long firstStep)
    {
        List<PendingOperation> failed;
        lock (_lock)
        {
            _firstStep = firstStep;
            _fault = null;
            failed = Drain();
        }

        Fail(
            failed,
            new PipelinePeerFaultedException("the transport was reset during the operation")
        );
    }

    /// <summary>Drops all messages, under the lock, and returns the operations that waited for one.</summary>
    private List<PendingOperation> Drain()
    {
        List<PendingOperation> waiting = [];
        foreach (var entry in _entries.Values)
        {
            entry.Tensors.DisposeAll();
            if ((entry.Receiver ?? entry.Sender) is { } operation)
            {
                waiting.Add(operation);
            }
        }

        _entries.Clear();
        Array.Clear(_buffered);
        foreach (var queue in _waitingSends)
        {
            queue?.Clear();
        }

        return waiting;
    }

    private static void Fail(List<PendingOperation> operations, Exception error)
    {
        foreach (var operation in operations)
        {
            operation.SetException(error);
        }
    }

    /// <summary>A buffer place became free: the oldest pending send from that source takes it.</summary>
    private PendingOperation? Promote(int source)
    {
        _buffered[source]--;
        while (_waitingSends[source] is { Count: > 0 } queue)
        {
            ref var entry = ref CollectionsMarshal.GetValueRefOrNullRef(_entries, queue.Dequeue());
            if (System.Runtime.CompilerServices.Unsafe.IsNullRef(ref entry) || entry.Sender is null)
            {
                continue;
            }

            var sender = entry.Sender;
            entry.Sender = null;
            _buffered[source]++;
            return sender;
        }

        return null;
    }

    private void Cancel(PendingOperation operation, CancellationToken token)
    {
        lock (_lock)
        {
            if (
                !_entries.TryGetValue(operation.Tag, out var entry)
                || (entry.Receiver ?? entry.Sender) != operation
            )
            {
                return;
            }

            entry.Tensors.DisposeAll();
            _entries.Remove(operation.Tag);
        }

        operation.SetException(new OperationCanceledException(token));
    }

    private PendingOperation Rent(MessageTag tag)
    {
        var operation = _pool.TryPop(out var pooled) ? pooled : new PendingOperation(this);
        operation.Tag = tag;
        return operation;
    }

    private void Return(PendingOperation operation)
    {
        lock (_lock)
        {
            _pool.Push(operation);
        }
    }

    private struct Entry
    {
        public PendingOperation? Receiver;
        public PendingOperation? Sender;
        public TensorList Tensors;
        public int Source;
    }

    private sealed class PendingOperation(InProcessMailbox owner) : InlineCompletion<TensorMessage>
    {
        private CancellationTokenRegistration _registration;

        public MessageTag Tag { get; set; }

        public void WatchCancellation(CancellationToken token)
        {
            if (token.CanBeCanceled)
            {
                // Registration only calls back synchronously if the token is already cancelled; the
                // callback re-enters the lock, which its owner may do.
                _registration = token.UnsafeRegister(
                    static (state, t) =>
                    {
                        var operation = (PendingOperation)state!;
                        operation.Owner.Cancel(operation, t);
                    },
                    this
                );
            }
        }

        private InProcessMailbox Owner => owner;

        protected override void OnConsumed()
        {
            // Waits for a callback that is running, so that it cannot hit the next user of this object.
            _registration.Dispose();
            _registration = default;
            owner.Return(this);
        }
    }
}
