// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Ep.Cpu;
using DeepInfra.Ep.Diagnostics;
using DeepInfra.Ep.Engine;

namespace DeepInfra.Ep;

public sealed partial class ThroughputBuffer
{
    /// <summary>
    /// Sends each token to the ranks that own its experts. Collective. Also the backward pass of
    /// <see cref="Combine"/> when routing tables are at hand; otherwise use
    /// <see cref="DispatchCached(in DispatchInput, ThroughputHandle, DispatchOptions?)"/>.
    /// </summary>
    /// <param name="input">Rows, routing tables and experts of this rank. T may differ between ranks, and be 0.</param>
    /// <param name="options">Options; null for the defaults.</param>
    /// <returns>The received rows. Dispose the result to reuse its memory.</returns>
    /// <exception cref="ArgumentException">A tensor or option is wrong; nothing was sent.</exception>
    /// <exception cref="BufferTooSmallException">Rows exceed the buffer's limits, or more rows arrive than the worst case given.</exception>
    /// <exception cref="InvalidRoutingException">An expert id is invalid; nothing was sent.</exception>
    /// <exception cref="CollectiveMismatchException">Ranks disagree about the call.</exception>
    /// <exception cref="ExpertParallelTimeoutException">A rank did not come in time; the buffer is faulted.</exception>
    /// <exception cref="PeerFailedException">A rank left or failed; the buffer is faulted.</exception>
    public DispatchResult Dispatch(in DispatchInput input, DispatchOptions? options = null) =>
        Start(input, handle: null, options ?? DispatchOptions.Default, default);

    /// <summary>Sends rows along the routing of an earlier dispatch: the same rows arrive at the same places. Collective.</summary>
    /// <param name="x">Rows [T,H]; T as in the earlier dispatch, type and H are free.</param>
    /// <param name="handle">The routing, from a dispatch of this buffer; the same dispatch on all ranks.</param>
    /// <param name="options">Options; the alignment must be the handle's or 1.</param>
    /// <inheritdoc cref="Dispatch" path="/exception"/>
    /// <exception cref="StaleHandleException">The handle belongs to another buffer or was disposed.</exception>
    public DispatchResult DispatchCached(
        Tensor x,
        ThroughputHandle handle,
        DispatchOptions? options = null
    ) => DispatchCached(new DispatchInput(x), handle, options);

    /// <summary>
    /// Sends rows, and optionally weights and scale factors, along the routing of an earlier dispatch. With the
    /// gradient of a combine's output as rows this is the backward pass of that combine. Collective.
    /// </summary>
    /// <param name="input">Rows, optional weights [T,K] (on all ranks or none) and scale factors; no expert ids, no layout.</param>
    /// <param name="handle">The routing, from a dispatch of this buffer; the same dispatch on all ranks.</param>
    /// <param name="options">Options; the alignment must be the handle's or 1.</param>
    /// <inheritdoc cref="Dispatch" path="/exception"/>
    /// <exception cref="StaleHandleException">The handle belongs to another buffer or was disposed.</exception>
    public DispatchResult DispatchCached(
        in DispatchInput input,
        ThroughputHandle handle,
        DispatchOptions? options = null
    )
    {
        ArgumentNullException.ThrowIfNull(handle);
        return Start(input, handle, options ?? DispatchOptions.Default, default);
    }

    /// <summary>An asynchronous <see cref="Dispatch"/> that completes with its rows. Collective.</summary>
    /// <param name="input">Rows, routing tables and experts of this rank.</param>
    /// <param name="options">Options; null for the defaults.</param>
    /// <param name="cancellationToken">Cancels waiting for other ranks; the buffer is faulted then.</param>
    /// <inheritdoc cref="Dispatch" path="/exception"/>
    public async ValueTask<DispatchResult> DispatchAsync(
        DispatchInput input,
        DispatchOptions? options = null,
        CancellationToken cancellationToken = default
    )
    {
        options ??= DispatchOptions.Default;
        var result = Start(
            input,
            handle: null,
            options.Async ? options : options with { Async = true },
            cancellationToken
        );
        try
        {
            await result.Event;
        }
        catch
        {
            Discard(result);
            throw;
        }
        return result;
    }

    internal void Execute(DispatchResult result)
    {
        var request = result.Request;
        request.Options.After?.Wait();
        ThrowIfFaulted();
        if (!request.IsCached)
            BuildPlan(request);
        request.Shape = ShapeOf(request, ++_sequence);
        if (!request.IsCached)
            request.Plan.Sequence = _sequence;
        try
        {
            _path.Announce(request);
            Meet(request.Shape, "Dispatch", request.Cancellation);
            if (!request.IsCached)
                ReceiveCounts(request);
            request.RecvTokens = request.Plan.RecvTokenCount;
            _path.Transfer(request, PrepareOutputs(result));
        }
        catch (Exception e) when (e is not (CollectiveMismatchException or BufferTooSmallException))
        {
            GiveUp();
            throw;
        }
        GC.KeepAlive(request.Input.X);
        GC.KeepAlive(request.Input.TopkIdx);
        GC.KeepAlive(request.Input.TopkWeights);
        GC.KeepAlive(request.Input.ScaleFactors);
        EpMetrics.Dispatched(
            lowLatency: false,
            request.RecvTokens * (request.RowBytes + request.ScalePacks * 4L)
        );
    }

    private DispatchResult Start(
        in DispatchInput input,
        ThroughputHandle? handle,
        DispatchOptions options,
        CancellationToken cancellation
    )
    {
        ThrowIfUnusable();
        var plan = handle is null ? null : ReadyPlan(handle);
        DispatchValidation.Validate(this, input, plan, options);
        var result = RentDispatch();
        var request = result.Request;
        request.Input = input;
        request.Options = options;
        request.Cancellation = cancellation;
        request.IsCached = handle is not null;
        DispatchValidation.Fill(request, input, plan);
        result.Handle = handle ?? RentHandle(result.Event);
        request.Plan = result.Handle.Plan;
        try
        {
            Run(result, options.Async);
        }
        catch
        {
            // The caller never sees the result: its memory is the pool's again.
            Discard(result);
            throw;
        }
        return result;
    }

    private static void Discard(DispatchResult result)
    {
        if (!result.Request.IsCached)
            result.Handle.Dispose();
        result.Dispose();
    }

    private RoutingPlan ReadyPlan(ThroughputHandle handle)
    {
        if (handle.Owner != this)
            throw new StaleHandleException("The handle belongs to another buffer.");
        return handle.Ready();
    }

    private unsafe void BuildPlan(DispatchRequest request)
    {
        var plan = request.Plan;
        var layout = request.Input.Layout;
        if (request.TopkIdx == null)
        {
            _planBuilder.Build(plan, layout!, request.Experts);
        }
        else
        {
            _planBuilder.Build(
                plan,
                request.TopkIdx,
                request.TopkIdxStride,
                request.IndexIs64Bit,
                request.Tokens,
                request.TopK,
                request.Experts,
                request.Options.CheckRouting
            );
            if (
                layout is not null
                && (
                    !layout
                        .TokensPerRank.AsSpan()
                        .SequenceEqual(plan.SendCount.AsSpan(0, Group.Size))
                    || !layout.TokensPerExpert.AsSpan().SequenceEqual(_planBuilder.TokensPerExpert)
                )
            )
                throw Validation.Wrong(
                    "input.Layout",
                    "expected the layout of input.TopkIdx, got other counts"
                );
            // Combine records of many ranks are slotted by selection instead of by rank.
            if (_path is StagedThroughputPath && Group.Size > request.TopK)
                _planBuilder.FillMasters(
                    plan,
                    request.TopkIdx,
                    request.TopkIdxStride,
                    request.IndexIs64Bit,
                    request.TopK
                );
        }
        plan.ExpertCount = request.Experts;
        plan.TopK = request.TopK;
        plan.Alignment = request.Options.ExpertAlignment;
        request.TokensPerExpert = _planBuilder.TokensPerExpert;
    }

    private static CallShape ShapeOf(DispatchRequest request, long sequence) =>
        new(
            request.IsCached ? CallKind.CachedDispatch : CallKind.Dispatch,
            sequence,
            (long)request.DType,
            request.RowBytes,
            request.ScalePacks,
            (long)request.ScaleType,
            request.TopK,
            request.IndexIs64Bit ? 8 : 4,
            request.Experts,
            0,
            request.IsCached ? 0 : request.Options.ExpertAlignment,
            request.Options.WorstCaseTokens,
            HasWeights(request) ? 1 : 0,
            request.IsCached ? request.Plan.Sequence : 0,
            0,
            0
        );

    private static unsafe bool HasWeights(DispatchRequest request) => request.TopkWeights != null;

    /// <summary>Places of this rank's rows at each destination and of each source's rows here.</summary>
    private void ReceiveCounts(DispatchRequest request)
    {
        var plan = request.Plan;
        var (ranks, rank) = (Group.Size, Group.Rank);
        RoutingPlan.Ensure(ref plan.RecvPrefix, ranks + 1);
        RoutingPlan.Ensure(ref plan.SendBase, ranks);
        long worst = 0;
        for (var target = 0; target < ranks; target++)
        {
            long total = 0;
            for (var source = 0; source < ranks; source++)
            {
                if (source == rank)
                    plan.SendBase[target] = checked((int)total);
                if (target == rank)
                    plan.RecvPrefix[source] = checked((int)total);
                total += _path.Count(source, target);
            }
            if (target == rank)
                plan.RecvPrefix[ranks] = checked((int)total);
            worst = Math.Max(worst, total);
        }
        plan.RecvTokenCount = plan.RecvPrefix[ranks];
        if (request.Options.WorstCaseTokens > 0 && worst > request.Options.WorstCaseTokens)
        {
            LeaveTogether(request.Shape, "Dispatch", request.Cancellation);
            throw new BufferTooSmallException(
                "options.WorstCaseTokens",
                worst,
                request.Options.WorstCaseTokens,
                "rows"
            );
        }
        RoutingPlan.Ensure(ref plan.RecvSource, plan.RecvTokenCount);
        if (request.TopK > 0)
            RoutingPlan.Ensure(ref plan.RecvMask, plan.RecvTokenCount);
    }

    private unsafe DispatchOutputs PrepareOutputs(DispatchResult result)
    {
        var (request, slabs) = (result.Request, result.Slabs);
        var received = request.RecvTokens;
        var rows = Math.Max(request.Options.WorstCaseTokens, received);
        var localExperts = request.Experts / Group.Size;
        var outputs = new DispatchOutputs
        {
            X = (byte*)slabs.X.Use(request.DType, rows, request.Hidden).DataPointer,
            RowBytes = request.RowBytes,
            Stream = received * request.RowBytes > RowCopy.StreamingThreshold,
            TopK = request.TopK,
            IndexIs64Bit = request.IndexIs64Bit,
            SourceIndex = (int*)slabs.SourceIndex.Use(DType.Int32, received).DataPointer,
            SourceGlobalIndex = (int*)
                slabs.SourceGlobalIndex.Use(DType.Int32, received).DataPointer,
            FirstExpert = Group.Rank * localExperts,
            LocalExperts = localExperts,
            MaxTokens = Options.MaxTokensPerRank,
        };
        PrepareScales(ref outputs, request, slabs, rows);
        slabs.TopkIdx.SetNone();
        if (request.TopkIdx != null)
        {
            var indexType = request.IndexIs64Bit ? DType.Int64 : DType.Int32;
            outputs.TopkIdx = slabs.TopkIdx.Use(indexType, rows, request.TopK).DataPointer;
            for (var row = received; row < rows; row++)
            for (var k = 0; k < request.TopK; k++)
                outputs.WriteIndex(row, k, -1);
        }
        slabs.TopkWeights.SetNone();
        if (request.TopkWeights != null)
        {
            var weights = slabs.TopkWeights.Use(DType.Float32, rows, request.TopK);
            outputs.TopkWeights = (float*)weights.DataPointer;
            new Span<float>(
                outputs.TopkWeights + (long)received * request.TopK,
                (rows - received) * request.TopK
            ).Clear();
        }
        if (request.IsCached || request.Options.WorstCaseTokens > 0)
        {
            slabs.UseNoTokensPerExpert();
            return outputs;
        }
        var counts = slabs.UseTokensPerExpert(localExperts);
        counts.Clear();
        for (var source = 0; source < Group.Size; source++)
            _path.AddExpertCounts(source, counts);
        foreach (ref var count in counts)
            count = (int)StagedLayout.Align(count, request.Options.ExpertAlignment);
        return outputs;
    }

    private static unsafe void PrepareScales(
        ref DispatchOutputs outputs,
        DispatchRequest request,
        DispatchSlabs slabs,
        int rows
    )
    {
        slabs.ScaleFactors.SetNone();
        if (request.Scale == null)
            return;
        var scales =
            request.Options.ScaleFactorLayout == ScaleFactorLayout.RowMajor
                ? slabs.ScaleFactors.Use(request.ScaleType, rows, request.ScalePacks)
                : slabs.ScaleFactors.UseColumnMajor(request.ScaleType, rows, request.ScalePacks);
        outputs.Scale = (byte*)scales.DataPointer;
        outputs.ScaleRowStrideBytes = scales.Strides[0] * 4;
        outputs.ScalePackStrideBytes = scales.Strides[1] * 4;
        outputs.ScalePacks = request.ScalePacks;
    }
}
