// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla.Cpu;

/// <summary>
/// The rows of the tile after the current one, which the kernels prefetch while they compute. When several groups of query
/// rows pass over a tile, each prefetches its share, so that memory traffic is spread over the whole time.
/// </summary>
/// <param name="next">64 row addresses, or null for no prefetching.</param>
/// <param name="group">Index of the current group.</param>
/// <param name="groups">Number of groups, at least 1.</param>
internal readonly unsafe ref struct Lookahead(byte** next, int group, int groups)
{
    private readonly int _group = group;
    private readonly int _groups = groups;

    public readonly byte** Next = next;

    /// <summary>True if the current group prefetches in the given step of its pass.</summary>
    public bool Covers(int step) => Next != null && step % _groups == _group;
}
