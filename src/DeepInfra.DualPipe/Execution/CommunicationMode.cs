// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Execution;

/// <summary>When an engine waits for messages. Both modes give bit-equal results.</summary>
public enum CommunicationMode
{
    /// <summary>
    /// A send starts as soon as it is posted, receives are posted ahead, and a compute action waits for its
    /// own inputs only.
    /// </summary>
    Eager,

    /// <summary>
    /// Messages are submitted together at each commit of the schedule, which waits for all of them, sends
    /// included: the behaviour of the reference implementation.
    /// </summary>
    Batched,
}
