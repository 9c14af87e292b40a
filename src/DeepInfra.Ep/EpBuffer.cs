// SPDX-License-Identifier: MIT
using System.Diagnostics;
using DeepInfra.Ep.Engine;
using DeepInfra.Ep.Transports;

namespace DeepInfra.Ep;

/// <summary>
/// Memory and signals through which the ranks of a group exchange rows. Every rank creates the same buffers in
/// the same order and makes the same calls on each, from one thread at a time. Operations of one buffer run in
/// order; operations of different buffers are independent.
/// </summary>
public abstract class EpBuffer : IDisposable, IAsyncDisposable
{
    internal const int ArriveSignal = 0;
    internal const int DoneSignal = 1;
    internal const int AbortSignal = 2;
    internal const int SignalKinds = 3;

    // The first call on some rank may include start-up work of the process.
    private const int FirstCallTimeoutFactor = 10;

    private readonly CommunicationThread _communication;
    private int _disposed;
    private bool _faulted;
    private bool _firstCallDone;

    private protected EpBuffer(
        ExpertParallelGroup group,
        SymmetricMemory memory,
        long signalOffset,
        TimeSpan timeout
    )
    {
        Group = group;
        Memory = memory;
        Timeout = timeout;
        Signals = new SignalBoard(group.Transport, memory, signalOffset);
        _communication = new CommunicationThread($"deepinfra-ep-{group.Rank}");
    }

    /// <summary>The group.</summary>
    public ExpertParallelGroup Group { get; }

    /// <summary>Bytes of symmetric memory on this rank.</summary>
    public long Bytes => Memory.Bytes;

    /// <summary>How long an operation waits for another rank before it fails; ten times as long in the first operation.</summary>
    public TimeSpan Timeout { get; }

    /// <summary>
    /// True after an operation failed half-way (timeout, failed peer, cancellation): ranks may disagree about
    /// the state, so every further operation is refused. Dispose the buffer on all ranks and create a new one.
    /// </summary>
    public bool IsFaulted => Volatile.Read(ref _faulted);

    internal SymmetricMemory Memory { get; }

    internal SignalBoard Signals { get; }

    internal IEpTransport Transport => Group.Transport;

    internal TimeSpan CurrentTimeout =>
        _firstCallDone || Timeout > TimeSpan.MaxValue / FirstCallTimeoutFactor
            ? Timeout
            : Timeout * FirstCallTimeoutFactor;

    /// <summary>True if no asynchronous operation is waiting or running.</summary>
    internal bool IsCommunicationIdle => _communication.IsIdle;

    internal bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    /// <summary>Waits until all ranks have called it and all earlier operations of this buffer are complete. Collective.</summary>
    /// <param name="cancellationToken">Cancels the wait; the buffer is faulted then.</param>
    /// <exception cref="ExpertParallelTimeoutException">A rank did not come in time.</exception>
    /// <exception cref="PeerFailedException">A rank left the group or reported a failure.</exception>
    public async ValueTask BarrierAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfUnusable();
        var barrier = new BarrierOperation(this, cancellationToken);
        _communication.Enqueue(barrier);
        await barrier.Completion;
    }

    /// <summary>
    /// Lets asynchronous operations finish and releases the memory. Results of the buffer that are still in use
    /// stay valid. A second call does nothing.
    /// </summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        _communication.Close();
        // A rank that gives up must not leave peers waiting; after complete operations nobody waits for it.
        SignalAbort();
        ReleaseResources();
        Memory.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <inheritdoc cref="Dispose"/>
    public ValueTask DisposeAsync()
    {
        Dispose();
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    private protected abstract void ReleaseResources();

    internal void ThrowIfUnusable()
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        ThrowIfFaulted();
        ObjectDisposedException.ThrowIf(Group.IsDisposed, Group);
    }

    internal void ThrowIfFaulted()
    {
        if (IsFaulted)
            throw new EpException(
                "The buffer is faulted by an earlier failure: dispose it on all ranks and create a new one."
            );
    }

    /// <summary>Runs an operation on the calling thread, or behind asynchronous ones that are still going on.</summary>
    internal void Run(IEpOperation operation, bool async)
    {
        if (async || !_communication.IsIdle)
        {
            _communication.Enqueue(operation);
            if (!async)
                operation.Completion.Wait();
            return;
        }
        operation.Execute();
    }

    /// <summary>Waits for a signal of every rank.</summary>
    internal void WaitAll(
        int kind,
        long value,
        string operation,
        string phase,
        CancellationToken cancellationToken
    )
    {
        var request = Signals.RequestAll(kind, value, AbortSignal);
        var start = Stopwatch.GetTimestamp();
        var status = Transport.Wait(ref request, CurrentTimeout, cancellationToken);
        if (status != EpWaitStatus.Satisfied)
            throw FailureOf(status, request, operation, phase, start);
    }

    internal EpException FailureOf(
        EpWaitStatus status,
        in EpWaitRequest request,
        string operation,
        string phase,
        long start
    ) =>
        status == EpWaitStatus.PeerFailed
            ? new PeerFailedException(
                $"rank {Group.Rank}: rank {request.Peer} left or failed while {operation} waited for it in phase '{phase}'",
                [request.Peer]
            )
            : new ExpertParallelTimeoutException(
                new EpErrorRecord(
                    operation,
                    phase,
                    Group.Rank,
                    request.Peer,
                    request.Actual,
                    request.Value,
                    Stopwatch.GetElapsedTime(start)
                )
            );

    /// <summary>Waits until asynchronous operations have ended, whatever their outcome.</summary>
    internal void DrainCommunication()
    {
        if (_communication.IsIdle)
            return;
        var marker = new MarkerOperation();
        _communication.Enqueue(marker);
        marker.Completion.Wait();
    }

    internal void MarkFirstCallDone() => _firstCallDone = true;

    /// <summary>Refuses further operations and tells the peers, so that they fail at once instead of by timeout.</summary>
    internal void Fault()
    {
        Volatile.Write(ref _faulted, true);
        SignalAbort();
    }

    private void SignalAbort() => Signals.SignalAll(AbortSignal, 1);

    private protected abstract void Synchronize(CancellationToken cancellationToken);

    private sealed class BarrierOperation(EpBuffer buffer, CancellationToken cancellationToken)
        : IEpOperation
    {
        public EpEvent Completion { get; } = new();

        public void Execute() => buffer.Synchronize(cancellationToken);
    }

    private sealed class MarkerOperation : IEpOperation
    {
        public EpEvent Completion { get; } = new();

        public void Execute() { }
    }
}
