// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;

namespace DeepInfra.Fs.Cluster.Tests.Faults;

/// <summary>
/// What concurrent clients wrote to and read from one register, every value written once, and whether some order of
/// the operations explains it. The test is that of Gibbons and Korach (Testing Shared Memories, 1997): the operations
/// of each value span a zone of time, and zones must not get into each other's way.
/// </summary>
/// <remarks>Thread-safe while operations are added.</remarks>
internal sealed class RegisterHistory
{
    private readonly ConcurrentBag<Operation> _operations = [];
    private long _clock;

    /// <summary>The register begins with a value that nobody writes later.</summary>
    public RegisterHistory(Guid initial)
    {
        _operations.Add(new Operation(initial, true, 0, 0));
    }

    /// <summary>Operations added so far.</summary>
    public int Count => _operations.Count - 1;

    /// <summary>The moment before an operation.</summary>
    public long Begin() => Interlocked.Increment(ref _clock);

    /// <summary>A write was acknowledged.</summary>
    public void Wrote(Guid value, long begin) =>
        _operations.Add(new Operation(value, true, begin, Interlocked.Increment(ref _clock)));

    /// <summary>A write ended without an answer: it has happened, or will, or never does.</summary>
    public void MayHaveWritten(Guid value, long begin) =>
        _operations.Add(new Operation(value, true, begin, long.MaxValue));

    /// <summary>A read returned a value.</summary>
    public void Read(Guid value, long begin) =>
        _operations.Add(new Operation(value, false, begin, Interlocked.Increment(ref _clock)));

    /// <summary>What cannot be explained, or null.</summary>
    public string? FindViolation()
    {
        var forward = new List<Zone>();
        var backward = new List<Zone>();
        foreach (var group in _operations.GroupBy(o => o.Value))
        {
            if (group.SingleOrDefault(o => o.IsWrite) is not { } write)
            {
                return $"{group.Key} was read and never written";
            }
            if (group.Any(o => o.End < write.Begin))
            {
                return $"{group.Key} was read before it was written";
            }
            if (write.End == long.MaxValue && group.Count() == 1)
            {
                // Nobody saw it: as if it had not happened.
                continue;
            }
            var firstEnd = group.Min(o => o.End);
            var lastBegin = group.Max(o => o.Begin);
            if (firstEnd < lastBegin)
            {
                forward.Add(new Zone(group.Key, firstEnd, lastBegin));
            }
            else
            {
                backward.Add(new Zone(group.Key, lastBegin, firstEnd));
            }
        }
        forward.Sort((a, b) => a.From.CompareTo(b.From));
        for (var i = 1; i < forward.Count; i++)
        {
            if (forward[i].From < forward[i - 1].To)
            {
                return $"{forward[i - 1]} and {forward[i]} were both seen during the other";
            }
        }
        foreach (var inner in backward)
        {
            if (forward.Find(f => f.From < inner.From && inner.To < f.To) is { } outer)
            {
                return $"{inner} happened while {outer} was seen before and after it";
            }
        }
        return null;
    }

    private sealed record Operation(Guid Value, bool IsWrite, long Begin, long End);

    private sealed record Zone(Guid Value, long From, long To);
}
