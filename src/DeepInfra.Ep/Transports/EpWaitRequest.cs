// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace DeepInfra.Ep.Transports;

/// <summary>
/// A wait for signal cells in this rank's symmetric memory: one 64-bit cell per peer, at a fixed distance,
/// each waiting for a value at least <see cref="Value"/>. Cells only ever grow, so a cell that was seen
/// satisfied stays so. Lives on the waiter's stack; the transport may read it from other threads during the
/// wait, one at a time.
/// </summary>
internal unsafe struct EpWaitRequest
{
    /// <summary>The cell of peer <see cref="FirstPeer"/>.</summary>
    public long* Cells;

    /// <summary>Abort cell of peer <see cref="FirstPeer"/>, same distance; non-zero means that the peer gave up. May be null.</summary>
    public long* Abort;

    /// <summary>Distance between the cells of neighbouring peers.</summary>
    public int StrideBytes;

    /// <summary>The rank that the first cell belongs to.</summary>
    public int FirstPeer;

    /// <summary>Number of cells.</summary>
    public int Count;

    /// <summary>The value that ends the wait for a cell.</summary>
    public long Value;

    /// <summary>Peers with a non-zero entry (indexed by rank) are not waited for. May be null.</summary>
    public int* Skip;

    /// <summary>Indexed by rank: receives the time stamp at which each cell was first seen satisfied; zero it before. May be null.</summary>
    public long* Observed;

    /// <summary>First cell that is not known to be satisfied; relative to <see cref="FirstPeer"/>.</summary>
    public int Progress;

    /// <summary>True if a peer that is still missing has failed; it is the one at <see cref="Progress"/>.</summary>
    public bool PeerFailed;

    /// <summary>The rank that the wait stands at.</summary>
    public readonly int Peer => FirstPeer + Progress;

    /// <summary>Present value of the cell that the wait stands at.</summary>
    public readonly long Actual =>
        Progress < Count ? Volatile.Read(ref *Cell(Cells, Progress)) : Value;

    /// <summary>Checks the cells; true if the wait is over, in success or because a missing peer failed.</summary>
    /// <param name="failedRanks">Non-zero for ranks that left, indexed by rank.</param>
    public bool Evaluate(int[] failedRanks)
    {
        if (Observed != null)
            Stamp();
        while (Progress < Count)
        {
            if (!IsDone(Progress))
            {
                var failed =
                    Volatile.Read(ref failedRanks[FirstPeer + Progress]) != 0
                    || (Abort != null && Volatile.Read(ref *Cell(Abort, Progress)) != 0);
                // The peer may have signalled before it failed.
                if (!failed || IsDone(Progress))
                {
                    if (!failed)
                        return false;
                    continue;
                }
                PeerFailed = true;
                return true;
            }
            Progress++;
        }
        return true;
    }

    private readonly bool IsDone(int index) =>
        Volatile.Read(ref *Cell(Cells, index)) >= Value
        || (Skip != null && Volatile.Read(ref Skip[FirstPeer + index]) != 0);

    private readonly void Stamp()
    {
        for (var i = Progress; i < Count; i++)
            if (Observed[FirstPeer + i] == 0 && IsDone(i))
                Observed[FirstPeer + i] = Stopwatch.GetTimestamp();
    }

    private readonly long* Cell(long* first, int index) =>
        (long*)((byte*)first + (long)index * StrideBytes);
}
