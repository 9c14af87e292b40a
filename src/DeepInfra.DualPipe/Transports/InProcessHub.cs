// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Transports;

/// <summary>State that the ends of one in-process group share.</summary>
internal sealed class InProcessHub
{
    private readonly Lock _lock = new();
    private readonly InProcessMailbox[] _mailboxes;
    private TaskCompletionSource<AbortInfo> _faulted = NewSource();
    private long _firstStep = long.MinValue;

    public InProcessHub(int rankCount, int capacity)
    {
        _mailboxes = new InProcessMailbox[rankCount];
        for (var i = 0; i < rankCount; i++)
        {
            _mailboxes[i] = new InProcessMailbox(rankCount, capacity);
        }
    }

    public int RankCount => _mailboxes.Length;

    public Task<AbortInfo> Faulted
    {
        get
        {
            lock (_lock)
            {
                return _faulted.Task;
            }
        }
    }

    public InProcessMailbox this[int rank] => _mailboxes[rank];

    public void Abort(AbortInfo reason)
    {
        TaskCompletionSource<AbortInfo> source;
        lock (_lock)
        {
            source = _faulted;
            if (source.Task.IsCompleted)
            {
                return;
            }

            // Set inside the lock so that the first reason wins on every mailbox.
            foreach (var mailbox in _mailboxes)
            {
                mailbox.SetFault(reason);
            }

            source.SetResult(reason);
        }

        foreach (var mailbox in _mailboxes)
        {
            mailbox.FailAll(reason);
        }
    }

    /// <summary>The first rank that asks for a step clears the hub; the others find it done.</summary>
    public void Reset(long firstStep)
    {
        lock (_lock)
        {
            if (firstStep <= _firstStep)
            {
                return;
            }

            _firstStep = firstStep;
            foreach (var mailbox in _mailboxes)
            {
                mailbox.Reset(firstStep);
            }

            if (_faulted.Task.IsCompleted)
            {
                _faulted = NewSource();
            }
        }
    }

    private static TaskCompletionSource<AbortInfo> NewSource() =>
        new(TaskCreationOptions.RunContinuationsAsynchronously);
}
