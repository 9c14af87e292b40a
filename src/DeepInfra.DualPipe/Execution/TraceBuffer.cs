// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Execution;

/// <summary>
/// Ring of raw trace records of one rank; when full the oldest are overwritten. Written by the rank's
/// thread only.
/// </summary>
internal sealed class TraceBuffer(int capacity)
{
    private readonly Entry[] _entries = new Entry[capacity];
    private long _count;

    public int Capacity => _entries.Length;

    public void Clear() => _count = 0;

    public void Add(int actionIndex, long start, long end) =>
        _entries[_count++ % _entries.Length] = new Entry(start, end, actionIndex);

    public Entry[] Snapshot()
    {
        var kept = (int)Math.Min(_count, _entries.Length);
        var result = new Entry[kept];
        for (var i = 0; i < kept; i++)
        {
            result[i] = _entries[(_count - kept + i) % _entries.Length];
        }

        return result;
    }

    /// <summary>24 bytes: two time stamps and an index.</summary>
    internal readonly record struct Entry(long Start, long End, int ActionIndex);
}
