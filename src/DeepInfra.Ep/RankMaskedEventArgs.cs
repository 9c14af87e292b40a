// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep;

/// <summary>Tells which rank was masked and why.</summary>
/// <param name="rank">The rank.</param>
/// <param name="reason">The cause.</param>
public sealed class RankMaskedEventArgs(int rank, RankMaskReason reason) : EventArgs
{
    /// <summary>The rank.</summary>
    public int Rank => rank;

    /// <summary>The cause.</summary>
    public RankMaskReason Reason => reason;
}
