// SPDX-License-Identifier: MIT
using DeepInfra.Ep.Transports;

namespace DeepInfra.Ep.Engine;

/// <summary>
/// The signal cells of a buffer: for each kind one 64-bit cell per sender, a cache line apart, holding the
/// sequence number of the last operation that the sender announced. Numbers only grow, so nothing is ever
/// cleared and a late reader cannot miss a signal.
/// </summary>
internal sealed unsafe class SignalBoard(
    IEpTransport transport,
    SymmetricMemory memory,
    long offset
)
{
    public const int CellBytes = 64;

    /// <summary>Bytes that a board of some kinds takes.</summary>
    public static long BytesFor(int ranks, int kinds) => (long)ranks * kinds * CellBytes;

    public void Signal(int kind, int peer, long value) =>
        transport.Signal(memory, peer, CellOffset(kind, transport.Rank), value);

    /// <summary>Signals every rank, this one included; starts with the next rank so that ranks do not all hit rank 0 first.</summary>
    public void SignalAll(int kind, long value)
    {
        for (var i = 1; i <= transport.Size; i++)
            Signal(kind, (transport.Rank + i) % transport.Size, value);
    }

    public EpWaitRequest RequestAll(int kind, long value, int abortKind) =>
        new()
        {
            Cells = Cell(kind, 0),
            Abort = Cell(abortKind, 0),
            StrideBytes = CellBytes,
            Count = transport.Size,
            Value = value,
        };

    public long Read(int kind, int peer) => Volatile.Read(ref *Cell(kind, peer));

    private long* Cell(int kind, int rank) => (long*)(memory.Local + CellOffset(kind, rank));

    private long CellOffset(int kind, int rank) =>
        offset + ((long)kind * transport.Size + rank) * CellBytes;
}
