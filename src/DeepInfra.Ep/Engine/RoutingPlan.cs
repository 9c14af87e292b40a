// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep.Engine;

/// <summary>
/// Where the tokens of one rank go and where its received rows come from. The send side is filled by
/// <see cref="RoutingPlanBuilder"/>, the receive side when counts and rows arrive. Arrays are reused and may be
/// longer than needed.
/// </summary>
internal sealed class RoutingPlan
{
    /// <summary>Number of the dispatch that made the plan; equal on all ranks.</summary>
    public long Sequence;

    public int TokenCount;
    public int RecvTokenCount;
    public int ExpertCount;
    public int TopK;
    public int Alignment;

    /// <summary>[T+1]: the destinations of token t are entries TokenStart[t] up to TokenStart[t+1], by ascending rank.</summary>
    public int[] TokenStart = [];

    /// <summary>Per destination entry: the rank.</summary>
    public int[] EntryRank = [];

    /// <summary>Per destination entry: the token's position among those that this rank sends to that rank.</summary>
    public int[] EntrySlot = [];

    /// <summary>Per destination entry: the highest position in the routing row whose expert is on that rank. Only for staged transfers.</summary>
    public byte[] EntryMaster = [];

    /// <summary>[R]: tokens sent to each rank.</summary>
    public int[] SendCount = [];

    /// <summary>[R+1]: start of each rank's part of <see cref="SendTokens"/>.</summary>
    public int[] SendOffset = [];

    /// <summary>Tokens grouped by destination rank, ascending in each group.</summary>
    public int[] SendTokens = [];

    /// <summary>[R]: first row of this rank's tokens in each destination's received rows.</summary>
    public int[] SendBase = [];

    /// <summary>[R+1]: first row of each source rank in this rank's received rows.</summary>
    public int[] RecvPrefix = [];

    /// <summary>[N]: token index on the source rank.</summary>
    public int[] RecvSource = [];

    /// <summary>[N]: bit k set if the k-th selection is on this rank. Empty without routing tables.</summary>
    public uint[] RecvMask = [];

    public int EntryCount => TokenStart[TokenCount];

    public static void Ensure<T>(ref T[] array, int length)
    {
        if (array.Length < length)
            array = new T[length + length / 8];
    }
}
