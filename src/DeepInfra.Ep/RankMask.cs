// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep;

/// <summary>
/// The ranks that this rank neither sends to nor waits for. Each rank has its own view. Thread-safe.
/// </summary>
public sealed unsafe class RankMask
{
    private readonly LowLatencyBuffer _owner;
    private readonly int* _cells;
    private readonly int _ranks;

    internal RankMask(LowLatencyBuffer owner, int* cells, int ranks)
    {
        _owner = owner;
        _cells = cells;
        _ranks = ranks;
    }

    /// <summary>Raised on the thread that masked a rank.</summary>
    public event EventHandler<RankMaskedEventArgs>? RankMasked;

    /// <summary>Whether a rank is masked.</summary>
    /// <param name="rank">The rank.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such rank.</exception>
    public bool this[int rank]
    {
        get
        {
            Check(rank);
            return Volatile.Read(ref _cells[rank]) != 0;
        }
    }

    internal int* Cells => _cells;

    /// <summary>Masks a rank, or takes it back in. Waits for the rank that are going on end when it is masked.</summary>
    /// <param name="rank">Another rank.</param>
    /// <param name="masked">True to leave it out.</param>
    /// <exception cref="ArgumentOutOfRangeException">No such rank.</exception>
    /// <exception cref="ArgumentException">A rank cannot mask itself.</exception>
    public void Set(int rank, bool masked)
    {
        Check(rank);
        if (rank == _owner.Group.Rank)
            throw new ArgumentException("rank: a rank cannot mask itself", nameof(rank));
        if (masked)
            Mask(rank, RankMaskReason.Requested);
        else
            Volatile.Write(ref _cells[rank], 0);
    }

    /// <summary>Copies the mask: 1 for masked ranks, else 0.</summary>
    /// <param name="destination">At least one element per rank.</param>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public void Snapshot(Span<int> destination)
    {
        if (destination.Length < _ranks)
            throw new ArgumentException(
                $"destination: expected at least {_ranks} elements, got {destination.Length}",
                nameof(destination)
            );
        ObjectDisposedException.ThrowIf(_owner.IsDisposed, _owner);
        for (var rank = 0; rank < _ranks; rank++)
            destination[rank] = Volatile.Read(ref _cells[rank]);
    }

    /// <summary>Takes all ranks back in.</summary>
    public void Clear()
    {
        ObjectDisposedException.ThrowIf(_owner.IsDisposed, _owner);
        for (var rank = 0; rank < _ranks; rank++)
            Volatile.Write(ref _cells[rank], 0);
    }

    internal void Mask(int rank, RankMaskReason reason)
    {
        if (Interlocked.Exchange(ref _cells[rank], 1) != 0)
            return;
        _owner.Transport.WakeLocal();
        RankMasked?.Invoke(this, new RankMaskedEventArgs(rank, reason));
    }

    private void Check(int rank)
    {
        ObjectDisposedException.ThrowIf(_owner.IsDisposed, _owner);
        if ((uint)rank >= (uint)_ranks)
            throw new ArgumentOutOfRangeException(
                nameof(rank),
                $"rank: expected a value in [0,{_ranks}), got {rank}"
            );
    }
}
