// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep;

/// <summary>
/// The second half of a low-latency operation that so far only sent. Between the halves no thread works for
/// it. Use from one thread.
/// </summary>
public sealed class ReceiveHook : IDisposable
{
    private readonly LowLatencyResult _owner;

    internal ReceiveHook(LowLatencyResult owner) => _owner = owner;

    /// <summary>True until the hook was invoked or disposed.</summary>
    public bool IsPending { get; private set; }

    /// <summary>Waits for the other ranks' rows and completes the result.</summary>
    /// <exception cref="InvalidOperationException">The hook was invoked before.</exception>
    /// <exception cref="ExpertParallelTimeoutException">A rank did not come in time; the buffer is faulted.</exception>
    /// <exception cref="PeerFailedException">A rank left or failed; the buffer is faulted.</exception>
    public void Invoke() => Invoke(CancellationToken.None);

    /// <summary>Waits for the other ranks' rows, as long as the caller wants, and completes the result.</summary>
    /// <param name="cancellationToken">Cancels waiting for other ranks; the buffer is faulted then.</param>
    /// <exception cref="OperationCanceledException">The token was cancelled before all rows had come; the buffer is faulted.</exception>
    /// <inheritdoc cref="Invoke()" path="/exception"/>
    public void Invoke(CancellationToken cancellationToken)
    {
        if (!IsPending)
            throw new InvalidOperationException("The hook was invoked already.");
        IsPending = false;
        _owner.Cancellation = cancellationToken;
        _owner.RunReceive();
    }

    /// <summary>Receives and discards if the hook is pending; failures are not thrown here.</summary>
    public void Dispose()
    {
        if (!IsPending)
            return;
        IsPending = false;
        _owner.Discard();
    }

    internal void Arm() => IsPending = true;

    internal void Disarm() => IsPending = false;
}
