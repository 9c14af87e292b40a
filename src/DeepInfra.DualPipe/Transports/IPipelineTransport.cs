// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Transports;

/// <summary>
/// Moves boundary tensors between ranks. Members may be called from any thread. Any number of sends and
/// receives may be outstanding; a send must be deliverable while other messages from the same source
/// have no receive yet.
/// </summary>
public interface IPipelineTransport : IAsyncDisposable
{
    /// <summary>Rank of this end.</summary>
    int Rank { get; }

    /// <summary>Number of ranks.</summary>
    int RankCount { get; }

    /// <summary>Completes when any rank aborts; replaced by a fresh task on <see cref="ResetAsync"/>.</summary>
    Task<AbortInfo> Faulted { get; }

    /// <summary>
    /// Sends a message. The transport owns the tensors from the call on, whether it succeeds or not.
    /// Completes when the message no longer needs the sender.
    /// </summary>
    /// <param name="destination">Transport rank of the receiver.</param>
    /// <param name="tag">Identity; unique among the messages to that receiver.</param>
    /// <param name="tensors">Payload.</param>
    /// <param name="cancellationToken">Abandons the wait and drops the message.</param>
    /// <returns>A task.</returns>
    /// <exception cref="PipelinePeerFaultedException">A rank aborted.</exception>
    ValueTask SendAsync(
        int destination,
        MessageTag tag,
        TensorList tensors,
        CancellationToken cancellationToken = default
    );

    /// <summary>Receives the message with a tag.</summary>
    /// <param name="source">Transport rank of the sender.</param>
    /// <param name="tag">Identity.</param>
    /// <param name="cancellationToken">Abandons the receive.</param>
    /// <returns>The message; the caller owns its tensors.</returns>
    /// <exception cref="PipelinePeerFaultedException">A rank aborted.</exception>
    ValueTask<TensorMessage> ReceiveAsync(
        int source,
        MessageTag tag,
        CancellationToken cancellationToken = default
    );

    /// <summary>Fails every outstanding and later operation of every rank. The first reason wins.</summary>
    /// <param name="reason">Why.</param>
    /// <returns>A task.</returns>
    ValueTask AbortAsync(AbortInfo reason);

    /// <summary>
    /// Makes the transport usable again after an abort: drops every message of a step before the given one,
    /// now and when it arrives later. Every rank calls it with the same number before the next step.
    /// </summary>
    /// <param name="nextStepId">First step that counts.</param>
    /// <returns>A task.</returns>
    ValueTask ResetAsync(long nextStepId);
}
