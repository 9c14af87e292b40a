// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster.KeyValue;

/// <summary>
/// The keys written by the most recent commits. A transaction may commit only if nothing it has read
/// was written by a commit that its snapshot does not contain (backward validation of optimistic
/// concurrency control, Kung and Robinson 1981). A transaction older than the window is refused as well.
/// </summary>
/// <remarks>Not thread-safe: the store calls it under its commit lock.</remarks>
internal sealed class ConflictWindow
{
    private const int Capacity = 8192;

    private readonly byte[][][] _keys = new byte[Capacity][][];

    /// <summary>Sequence number of the newest commit; the first one is 1.</summary>
    public ulong Last { get; private set; }

    /// <summary>Remembers a commit and returns its sequence number.</summary>
    public ulong Add(byte[][] keys)
    {
        Last++;
        _keys[Last % Capacity] = keys;
        return Last;
    }

    /// <summary>Whether a transaction with that snapshot and those reads must be refused.</summary>
    public bool Conflicts(ulong snapshot, HashSet<byte[]> readKeys, List<KeyRange> readRanges)
    {
        if (snapshot == Last || (readKeys.Count == 0 && readRanges.Count == 0))
        {
            return false;
        }
        if (Last - snapshot >= Capacity)
        {
            return true;
        }
        for (var seq = snapshot + 1; seq <= Last; seq++)
        {
            foreach (var key in _keys[seq % Capacity])
            {
                if (readKeys.Contains(key) || InRanges(readRanges, key))
                {
                    return true;
                }
            }
        }
        return false;
    }

    private static bool InRanges(List<KeyRange> ranges, byte[] key)
    {
        foreach (var range in ranges)
        {
            if (range.Contains(key))
            {
                return true;
            }
        }
        return false;
    }
}
