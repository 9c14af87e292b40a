// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Ep.Engine;
using DeepInfra.Ep.Transports;

namespace DeepInfra.Ep;

/// <summary>
/// High-throughput dispatch and combine (training, prefill). A token travels once to each rank that owns at
/// least one of its experts; received rows are ordered by source rank, then source token. Semantics follow
/// DeepEP's normal kernels, with a fixed order and fixed slots instead of ring buffers.
/// </summary>
/// <remarks>
/// Every rank creates the buffer with equal options and makes the same sequence of calls; calls of one rank
/// come from one thread at a time. Results are pooled: dispose them. All calls are collective except
/// <see cref="GetDispatchLayout"/>.
/// </remarks>
/// <example>
/// <code>
/// using var buffer = ThroughputBuffer.Create(group, new() { MaxTokensPerRank = 4096, Hidden = 7168 });
/// using var received = buffer.Dispatch(new(x, topkIdx, topkWeights) { Experts = 256 });
/// var y = RunExperts(received.X, received.TopkIdx, received.TopkWeights);
/// using var combined = buffer.Combine(y, received.Handle);
/// </code>
/// </example>
public sealed partial class ThroughputBuffer : EpBuffer
{
    /// <summary>Most selections per token.</summary>
    public const int MaxTopK = 32;

    /// <summary>Most experts over all ranks.</summary>
    public const int MaxExperts = 2048;

    /// <summary>Most experts on one rank.</summary>
    public const int MaxLocalExperts = 1024;

    // Below this many selections a second thread costs more than it saves.
    private const int ParallelThreshold = 256;

    // A monitor, because results may be disposed on other threads and a contended Lock allocates.
    private readonly object _poolGate = new();
    private readonly Stack<DispatchResult> _dispatchPool = new();
    private readonly Stack<CombineResult> _combinePool = new();
    private readonly Stack<ThroughputHandle> _handlePool = new();
    private readonly RoutingPlanBuilder _planBuilder;
    private readonly ThroughputPath _path;
    private readonly StagedLayout _layout;
    private long _sequence;

    private ThroughputBuffer(
        ExpertParallelGroup group,
        ThroughputBufferOptions options,
        SymmetricMemory memory,
        StagedLayout layout
    )
        : base(group, memory, layout.SignalOffset, options.Timeout)
    {
        Options = options;
        _layout = layout;
        _planBuilder = new RoutingPlanBuilder(group.Size, group.Rank);
        _path = memory.Board is { } board
            ? new DirectThroughputPath(this, board)
            : new StagedThroughputPath(this, layout);
    }

    /// <summary>Size and limits.</summary>
    public ThroughputBufferOptions Options { get; }

    /// <summary>Creates this rank's part of a buffer. Collective.</summary>
    /// <param name="group">The group.</param>
    /// <param name="options">Size and limits, equal on all ranks.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is outside its range.</exception>
    /// <exception cref="EpException">Another rank asks for another size.</exception>
    public static ThroughputBuffer Create(
        ExpertParallelGroup group,
        ThroughputBufferOptions options
    )
    {
        ArgumentNullException.ThrowIfNull(group);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate(group.Size);
        ObjectDisposedException.ThrowIf(group.IsDisposed, group);
        var layout = LayoutFor(group, options);
        return new ThroughputBuffer(
            group,
            options,
            group.Transport.Allocate(layout.TotalBytes),
            layout
        );
    }

    /// <summary>Bytes of symmetric memory that a buffer takes on each rank. Ranks of one process that copy from each other directly need signals only.</summary>
    /// <param name="group">The group.</param>
    /// <param name="options">Size and limits.</param>
    public static long GetRequiredBytes(ExpertParallelGroup group, ThroughputBufferOptions options)
    {
        ArgumentNullException.ThrowIfNull(group);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate(group.Size);
        return LayoutFor(group, options).TotalBytes;
    }

    /// <summary>Computes where the tokens of this rank go. Local and deterministic.</summary>
    /// <param name="topkIdx">Int64 or Int32 [T,K]; -1 is ignored.</param>
    /// <param name="experts">Number of experts E, a multiple of the number of ranks.</param>
    /// <exception cref="ArgumentException">A wrong type or shape, or a wrong number of experts.</exception>
    /// <exception cref="InvalidRoutingException">An id is outside -1..E-1, or occurs twice in a row.</exception>
    public DispatchLayout GetDispatchLayout(Tensor topkIdx, int experts) =>
        LayoutComputation.Compute(Group, topkIdx, experts);

    /// <summary>An asynchronous <see cref="Combine"/> that completes with its sums. Collective.</summary>
    /// <param name="x">BFloat16, Float16 or Float32 [N,H] in received order.</param>
    /// <param name="handle">The routing.</param>
    /// <param name="options">Weights, biases and output; null for the defaults.</param>
    /// <param name="cancellationToken">Cancels waiting for other ranks; the buffer is faulted then.</param>
    /// <inheritdoc cref="Combine" path="/exception"/>
    public async ValueTask<CombineResult> CombineAsync(
        Tensor x,
        ThroughputHandle handle,
        CombineOptions? options = null,
        CancellationToken cancellationToken = default
    )
    {
        options ??= CombineOptions.Default;
        var result = Start(
            x,
            handle,
            options.Async ? options : options with { Async = true },
            cancellationToken
        );
        try
        {
            await result.Event;
        }
        catch
        {
            result.Dispose();
            throw;
        }
        return result;
    }

    internal int ThreadsFor(int rows) => rows < ParallelThreshold ? 1 : Group.Threads;

    internal void Recycle(DispatchResult result)
    {
        lock (_poolGate)
        {
            if (!IsDisposed)
            {
                _dispatchPool.Push(result);
                return;
            }
        }
        result.Slabs.Dispose();
    }

    internal void Recycle(CombineResult result)
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
        result.WeightsSlab.Dispose();
    }

    internal void Recycle(ThroughputHandle handle)
    {
        lock (_poolGate)
            if (!IsDisposed)
                _handlePool.Push(handle);
    }

    private static StagedLayout LayoutFor(
        ExpertParallelGroup group,
        ThroughputBufferOptions options
    )
    {
        var capabilities = group.Transport.Capabilities;
        return new StagedLayout(
            group.Size,
            options,
            staged: !capabilities.HasFlag(EpTransportCapabilities.SharedAddressSpace),
            sendArea: !capabilities.HasFlag(EpTransportCapabilities.LoadStore)
        );
    }

    private DispatchResult RentDispatch()
    {
        DispatchResult? result;
        lock (_poolGate)
            _dispatchPool.TryPop(out result);
        result ??= new DispatchResult(this);
        result.Revive();
        return result;
    }

    private CombineResult RentCombine()
    {
        CombineResult? result;
        lock (_poolGate)
            _combinePool.TryPop(out result);
        result ??= new CombineResult(this);
        result.Revive();
        return result;
    }

    private ThroughputHandle RentHandle(EpEvent producer)
    {
        ThroughputHandle? handle;
        lock (_poolGate)
            _handlePool.TryPop(out handle);
        handle ??= new ThroughputHandle(this);
        handle.Attach(producer);
        return handle;
    }

    /// <summary>Waits for all ranks and compares what they call; on a difference all ranks throw.</summary>
    private void Meet(in CallShape shape, string operation, CancellationToken cancellation)
    {
        WaitAll(ArriveSignal, shape.Sequence, operation, "arrive", cancellation);
        MarkFirstCallDone();
        for (var rank = 0; rank < Group.Size; rank++)
        {
            var other = _path.PeerShape(rank);
            if (other == _path.PeerShape(0))
                continue;
            var message =
                $"Ranks disagree about a collective call: rank 0 {_path.PeerShape(0)}, rank {rank} {other}";
            LeaveTogether(shape, operation, cancellation);
            throw new CollectiveMismatchException(message);
        }
    }

    /// <summary>Ends an operation that all ranks give up alike, keeping what they announced until all have read it.</summary>
    private void LeaveTogether(in CallShape shape, string operation, CancellationToken cancellation)
    {
        Signals.SignalAll(DoneSignal, shape.Sequence);
        WaitAll(DoneSignal, shape.Sequence, operation, "transfer", cancellation);
    }

    /// <summary>Ends a failed operation: peers learn of it, and the caller's tensors are the caller's alone again.</summary>
    private void GiveUp()
    {
        Fault();
        _path.Withdraw();
    }

    private protected override void Synchronize(CancellationToken cancellationToken)
    {
        ThrowIfFaulted();
        var shape = new CallShape { Kind = CallKind.Barrier, Sequence = ++_sequence };
        try
        {
            _path.Announce(shape);
            Meet(shape, "Barrier", cancellationToken);
            LeaveTogether(shape, "Barrier", cancellationToken);
        }
        catch (Exception e) when (e is not CollectiveMismatchException)
        {
            GiveUp();
            throw;
        }
    }

    private protected override void ReleaseResources()
    {
        lock (_poolGate)
        {
            foreach (var result in _dispatchPool)
                result.Slabs.Dispose();
            foreach (var result in _combinePool)
            {
                result.Slab.Dispose();
                result.WeightsSlab.Dispose();
            }
            _dispatchPool.Clear();
            _combinePool.Clear();
            _handlePool.Clear();
        }
    }
}
