// SPDX-License-Identifier: MIT
using DeepInfra.Ep.Engine;

namespace DeepInfra.Ep;

/// <summary>What low-latency dispatches and combines have in common: completion, hook and lifetime.</summary>
public abstract class LowLatencyResult : IDisposable, IEpOperation
{
    private readonly ReceiveHook _hook;
    private LowLatencyHandle? _used;
    private int _alive;
    private bool _hasHook;

    private protected LowLatencyResult(LowLatencyBuffer owner)
    {
        Owner = owner;
        _hook = new ReceiveHook(this);
    }

    /// <summary>Completion of the operation; complete at once unless it is asynchronous or has a pending hook.</summary>
    public EpEvent Event { get; } = new();

    /// <summary>The hook of a begun operation; null for a complete one.</summary>
    public ReceiveHook? Hook => _hasHook ? _hook : null;

    internal LowLatencyBuffer Owner { get; }

    /// <summary>Number of the operation in its buffer.</summary>
    internal long Sequence { get; set; }

    internal bool IsSent { get; set; }

    /// <summary>Ends the operation's waits for peers.</summary>
    internal CancellationToken Cancellation { get; set; }

    EpEvent IEpOperation.Completion => Event;

    /// <summary>Completes the operation if it is still in flight and gives the tensors back to the buffer. A second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _alive, 0) == 0)
            return;
        if (_hasHook)
            _hook.Dispose();
        Event.WaitWithoutThrow();
        EndUse();
        Release();
        GC.SuppressFinalize(this);
    }

    void IEpOperation.Execute()
    {
        try
        {
            Send();
            Receive();
        }
        finally
        {
            EndUse();
        }
    }

    internal void Revive(bool withHook)
    {
        Event.Reset();
        IsSent = false;
        Cancellation = default;
        _hasHook = withHook;
        Volatile.Write(ref _alive, 1);
        if (!withHook)
            return;
        Event.Begin();
        Event.IsHookPending = true;
        _hook.Arm();
    }

    /// <summary>Keeps the memory of the operation's handle until the operation is complete.</summary>
    internal void Use(LowLatencyHandle handle)
    {
        if (!handle.TryUse())
            throw new StaleHandleException("The handle was disposed.");
        _used = handle;
    }

    private void EndUse() => Interlocked.Exchange(ref _used, null)?.EndUse();

    /// <summary>Takes a result back whose operation failed to start.</summary>
    internal void Abandon()
    {
        _hook.Disarm();
        Event.IsHookPending = false;
        EndUse();
        if (!Event.IsCompleted)
            Event.Complete(null);
    }

    /// <summary>Receives so that the peers can go on; failures stay in the event and in the buffer.</summary>
    internal void Discard()
    {
        try
        {
            RunReceive();
        }
        catch (Exception e)
            when (e is EpException or ObjectDisposedException or OperationCanceledException)
        {
            // The buffer is faulted or gone and says so at its next use.
        }
    }

    internal void RunReceive()
    {
        Event.IsHookPending = false;
        try
        {
            ObjectDisposedException.ThrowIf(Owner.IsDisposed, Owner);
            Owner.DrainCommunication();
            Receive();
        }
        catch (Exception e)
        {
            EndUse();
            Event.Complete(e);
            throw;
        }
        EndUse();
        Event.Complete(null);
    }

    internal abstract void Send();

    internal abstract void Receive();

    private protected abstract void Release();

    private protected void RequireCompleted()
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _alive) == 0, this);
        if (_hasHook && _hook.IsPending)
            throw new InvalidOperationException("Invoke the hook before reading the result.");
        Event.Wait();
    }
}
