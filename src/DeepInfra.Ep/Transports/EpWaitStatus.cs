// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep.Transports;

/// <summary>How a wait ended.</summary>
internal enum EpWaitStatus
{
    /// <summary>Every awaited cell has its value.</summary>
    Satisfied,

    /// <summary>The timeout passed; <see cref="EpWaitRequest.Progress"/> names the first missing peer.</summary>
    TimedOut,

    /// <summary>A peer left or reported a failure; <see cref="EpWaitRequest.Progress"/> names it.</summary>
    PeerFailed,
}
