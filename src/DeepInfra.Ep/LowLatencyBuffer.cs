// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Globalization;
using DeepInfra.Core.Cpu;
using DeepInfra.Ep.Engine;
using DeepInfra.Ep.LowLatency;
using DeepInfra.Ep.Transports;

namespace DeepInfra.Ep;

/// <summary>
/// Low-latency dispatch and combine (decode): one message per token and selection into outputs of fixed size, no
/// counts on the host, and hooks that split an operation into a sending and a receiving half. Semantics follow
/// DeepEP's low-latency kernels.
/// </summary>
/// <remarks>
/// There are two buffer sets that operations use in turn, so at most two operations may have a pending hook; a
/// third start throws. Every rank creates the buffer with equal options and makes the same sequence of calls;
/// calls of one rank come from one thread at a time. Results and handles are pooled: dispose them.
/// </remarks>
/// <example>
/// <code>
/// using var buffer = LowLatencyBuffer.Create(group, new() { MaxTokensPerRank = 128, Hidden = 7168, Experts = 64 });
/// using var received = buffer.BeginDispatch(x, topkIdx);
/// ComputeSomethingElse();
/// received.Hook!.Invoke();
/// var y = RunExperts(received.X, received.Scales, received.Count);
/// using var combined = buffer.Combine(y, topkIdx, topkWeights, received.Handle);
/// </code>
/// </example>
public sealed unsafe partial class LowLatencyBuffer : EpBuffer
{
    /// <summary>Most selections per token.</summary>
    public const int MaxTopK = 32;

    internal const int SentSignal = ArriveSignal;
    internal const int FirstConsumedSignal = DoneSignal;
    internal const int SecondConsumedSignal = SignalKinds;
    internal const int BarrierSignal = SignalKinds + 1;
    internal const int LowLatencySignalKinds = SignalKinds + 2;

    private const int Sets = 2;

    // A monitor, because results may be disposed on other threads and a contended Lock allocates.
    private readonly object _poolGate = new();
    private readonly Stack<LowLatencyDispatchResult> _dispatchPool = new();
    private readonly Stack<LowLatencyCombineResult> _combinePool = new();
    private readonly Stack<LowLatencyHandle> _handlePool = new();
    private readonly LowLatencyResult?[] _pending = new LowLatencyResult?[Sets];
    private readonly long[] _lastUse = new long[Sets];
    private readonly LowLatencyRouter _router;
    private readonly LowLatencyPath _path;
    private readonly SendViews _views;
    private readonly RankMask? _mask;
    private readonly CpuBackendOptions _cpu;
    private readonly long[] _observed;
    private long _sequence;
    private long _barrierSequence;

    private LowLatencyBuffer(
        ExpertParallelGroup group,
        LowLatencyBufferOptions options,
        SymmetricMemory memory,
        LowLatencyLayout layout
    )
        : base(group, memory, signalOffset: 0, options.Timeout)
    {
        Options = options;
        Layout = layout;
        LocalExperts = options.Experts / group.Size;
        Posts = [new LowLatencyPost(), new LowLatencyPost()];
        for (var set = 0; set < Sets; set++)
            Posts[set].Rows = SendArea(set);
        _router = new LowLatencyRouter(options.Experts, group.Rank);
        _views = new SendViews(this);
        _observed = GC.AllocateArray<long>(group.Size, pinned: true);
        _cpu = group.Cpu with { MaxDegreeOfParallelism = group.Threads };
        if (options.EnableRankMask)
            _mask = new RankMask(this, (int*)(memory.Local + layout.MaskOffset), group.Size);
        _path = memory.Board is { } board
            ? new DirectLowLatencyPath(this, board)
            : new StagedLowLatencyPath(this);
    }

    /// <summary>Size and limits.</summary>
    public LowLatencyBufferOptions Options { get; }

    /// <summary>The ranks that this rank leaves out.</summary>
    /// <exception cref="InvalidOperationException">The buffer was created without <see cref="LowLatencyBufferOptions.EnableRankMask"/>.</exception>
    public RankMask Mask =>
        _mask
        ?? throw new InvalidOperationException(
            "The buffer has no rank mask: create it with EnableRankMask."
        );

    internal LowLatencyLayout Layout { get; }

    internal int LocalExperts { get; }

    internal LowLatencyPost[] Posts { get; }

    /// <summary>Creates this rank's part of a buffer. Collective.</summary>
    /// <param name="group">The group.</param>
    /// <param name="options">Size and limits, equal on all ranks.</param>
    /// <exception cref="ArgumentException">An option is outside its range.</exception>
    /// <exception cref="EpException">Another rank asks for another size.</exception>
    public static LowLatencyBuffer Create(
        ExpertParallelGroup group,
        LowLatencyBufferOptions options
    )
    {
        ArgumentNullException.ThrowIfNull(group);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate(group.Size);
        ObjectDisposedException.ThrowIf(group.IsDisposed, group);
        var staged = !group.Transport.Capabilities.HasFlag(
            EpTransportCapabilities.SharedAddressSpace
        );
        var layout = new LowLatencyLayout(group.Size, options, staged);
        return new LowLatencyBuffer(
            group,
            options,
            group.Transport.Allocate(layout.TotalBytes),
            layout
        );
    }

    /// <summary>
    /// Bytes that the two buffer sets take on each rank when ranks only share symmetric memory, as DeepEP computes
    /// them: signals, send areas and receive areas. Independent of the number of ranks.
    /// </summary>
    /// <param name="maxTokensPerRank">Most tokens M per rank.</param>
    /// <param name="hidden">Row length H.</param>
    /// <param name="experts">Number of experts E.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is not positive.</exception>
    public static long GetRequiredBytes(int maxTokensPerRank, int hidden, int experts)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxTokensPerRank);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(hidden);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(experts);
        checked
        {
            long m = maxTokensPerRank;
            var meta = hidden / 128 * 4L;
            var message = 16 + Math.Max(2L * hidden, hidden + meta);
            var combine = meta + 2L * hidden;
            var signals = LowLatencyLayout.Align(experts * 4L, 128);
            var send = Math.Max(m * message, experts * m * combine);
            var receive = experts * m * Math.Max(message, combine);
            return (Sets * (signals + send + receive) / 128 + 1) * 128;
        }
    }

    /// <summary>The plan of the buffer's memory in words.</summary>
    public string Describe() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"low-latency buffer, rank {Group.Rank} of {Group.Size} ({Group.TransportName}): M={Options.MaxTokensPerRank}, H={Options.Hidden}, E={Options.Experts} ({LocalExperts} per rank), {Bytes} bytes reserved: 2 sets of {Layout.SendBytes} bytes to send"
        )
        + (
            Layout.TotalBytes > Layout.ReceiveOffset
                ? string.Create(
                    CultureInfo.InvariantCulture,
                    $" and {Layout.ReceiveBytes} bytes to receive"
                )
                : ", receivers read there"
        );

    /// <summary>
    /// Makes the ranks meet and drops what masked or failed operations left. Signals are sequence numbers that
    /// never need zeroing and every buffer has memory of its own, so the call is never required; it exists for
    /// programs written for buffers that share memory. Collective.
    /// </summary>
    /// <exception cref="InvalidOperationException">A hook is pending.</exception>
    public void Clean()
    {
        ThrowIfUnusable();
        if (_pending[0] is not null || _pending[1] is not null)
            throw new InvalidOperationException("Invoke the pending hooks before cleaning.");
        DrainCommunication();
        Synchronize(CancellationToken.None);
    }

    internal byte* SendArea(int set) => Memory.Local + Layout.SendOffset + set * Layout.SendBytes;

    internal long ReceiveOffset(int set) => Layout.ReceiveOffset + set * Layout.ReceiveBytes;

    internal bool IsMasked(int rank) =>
        _mask is not null && Volatile.Read(ref _mask.Cells[rank]) != 0;

    internal void Recycle(LowLatencyDispatchResult result)
    {
        lock (_poolGate)
        {
            if (!IsDisposed)
            {
                _dispatchPool.Push(result);
                return;
            }
        }
        result.Free();
    }

    internal void Recycle(LowLatencyCombineResult result)
    {
        lock (_poolGate)
        {
            if (!IsDisposed)
            {
                _combinePool.Push(result);
                return;
            }
        }
        result.Slab.Dispose();
    }

    internal void Recycle(LowLatencyHandle handle)
    {
        lock (_poolGate)
        {
            if (!IsDisposed)
            {
                _handlePool.Push(handle);
                return;
            }
        }
        handle.Free();
    }

    private static int SetOf(long sequence) => (int)(sequence & 1);

    private static int ConsumedSignal(int set) =>
        set == 0 ? FirstConsumedSignal : SecondConsumedSignal;

    /// <summary>
    /// Refuses a start that would need a set whose operation has not been received. While asynchronous operations are
    /// going on the set is not known yet; they check when their turn comes.
    /// </summary>
    private void RequireFreeSetIfIdle()
    {
        if (IsCommunicationIdle)
            RequireFreeSet();
    }

    private void RequireFreeSet()
    {
        if (_pending[SetOf(_sequence + 1)] is not null)
            throw new InvalidOperationException(
                "The buffer set of this operation is still in use: invoke the hook of the operation before last first."
            );
    }

    /// <summary>The set of the next operation, once all peers have consumed what it held.</summary>
    private int PrepareSet(string operation, CancellationToken cancellation)
    {
        RequireFreeSet();
        var set = SetOf(_sequence + 1);
        if (_lastUse[set] == 0)
            return set;
        try
        {
            WaitPeers(
                ConsumedSignal(set),
                _lastUse[set],
                operation,
                "reuse",
                stats: null,
                cancellation
            );
        }
        catch
        {
            Fault();
            throw;
        }
        return set;
    }

    /// <summary>Tells the peers that the messages of an operation have been sent.</summary>
    private void SignalSent(long sequence)
    {
        for (var i = 1; i <= Group.Size; i++)
        {
            var peer = (Group.Rank + i) % Group.Size;
            if (!IsMasked(peer))
                Signals.Signal(SentSignal, peer, sequence);
        }
    }

    /// <summary>Tells the peers that this rank no longer reads what they sent in an operation.</summary>
    private void SignalConsumed(long sequence)
    {
        var kind = ConsumedSignal(SetOf(sequence));
        for (var peer = 0; peer < Group.Size; peer++)
            if (!IsMasked(peer))
                Signals.Signal(kind, peer, sequence);
    }

    /// <summary>Waits for a signal of all ranks; ranks that do not come are masked, or fail the operation.</summary>
    private void WaitPeers(
        int kind,
        long value,
        string operation,
        string phase,
        Core.Tensor<long>? stats,
        CancellationToken cancellation
    )
    {
        var start = Stopwatch.GetTimestamp();
        if (stats is not null)
            Array.Clear(_observed);
        while (true)
        {
            var request = Signals.RequestAll(kind, value, AbortSignal);
            if (_mask is not null)
                request.Skip = _mask.Cells;
            fixed (long* observed = _observed)
            {
                // The array is pinned for good; the address stays valid behind the block.
                if (stats is not null)
                    request.Observed = observed;
            }
            var status = Transport.Wait(ref request, CurrentTimeout, cancellation);
            if (status == EpWaitStatus.Satisfied)
                break;
            if (_mask is null)
                throw FailureOf(status, request, operation, phase, start);
            if (status == EpWaitStatus.PeerFailed)
                _mask.Mask(request.Peer, RankMaskReason.Failed);
            else
                MaskMissing(kind, value);
        }
        if (stats is null)
            return;
        var ticks = stats.AsSpan();
        for (var rank = 0; rank < Group.Size; rank++)
            if (_observed[rank] != 0)
                ticks[rank] += Math.Max(0, _observed[rank] - start);
    }

    private void MaskMissing(int kind, long value)
    {
        for (var rank = 0; rank < Group.Size; rank++)
            if (rank != Group.Rank && Signals.Read(kind, rank) < value)
                _mask!.Mask(rank, RankMaskReason.Timeout);
    }

    /// <summary>Compares what all ranks called; on a difference all ranks throw.</summary>
    private void CheckShapes(int set, in CallShape shape)
    {
        for (var rank = 0; rank < Group.Size; rank++)
        {
            if (IsMasked(rank) || _path.PeerShape(set, rank) == shape)
                continue;
            var message =
                $"Ranks disagree about a collective call: rank {Group.Rank} {shape}, rank {rank} {_path.PeerShape(set, rank)}";
            SignalConsumed(shape.Sequence);
            throw new CollectiveMismatchException(message);
        }
    }

    private protected override void Synchronize(CancellationToken cancellationToken)
    {
        ThrowIfFaulted();
        _barrierSequence++;
        try
        {
            for (var peer = 0; peer < Group.Size; peer++)
                if (!IsMasked(peer))
                    Signals.Signal(BarrierSignal, peer, _barrierSequence);
            WaitPeers(
                BarrierSignal,
                _barrierSequence,
                "Barrier",
                "arrive",
                stats: null,
                cancellationToken
            );
            MarkFirstCallDone();
        }
        catch
        {
            Fault();
            throw;
        }
    }

    private protected override void ReleaseResources()
    {
        lock (_poolGate)
        {
            foreach (var result in _dispatchPool)
                result.Free();
            foreach (var result in _combinePool)
                result.Slab.Dispose();
            foreach (var handle in _handlePool)
                handle.Free();
            _dispatchPool.Clear();
            _combinePool.Clear();
            _handlePool.Clear();
        }
        _views.Dispose();
    }
}
