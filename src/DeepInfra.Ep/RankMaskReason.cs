// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep;

/// <summary>Why a rank was masked.</summary>
public enum RankMaskReason
{
    /// <summary>The program asked for it.</summary>
    Requested,

    /// <summary>The rank did not come in time.</summary>
    Timeout,

    /// <summary>The rank left the group or reported a failure.</summary>
    Failed,
}
