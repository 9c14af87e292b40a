// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.Core.Numerics;
using DeepInfra.Ep.Cpu;
using DeepInfra.Ep.Diagnostics;
using DeepInfra.Ep.Engine;
using DeepInfra.Ep.LowLatency;

namespace DeepInfra.Ep;

public sealed unsafe partial class LowLatencyBuffer
{
    // Tokens per work item of the weighted sum.
    private const int SumBlock = 8;

    /// <summary>
    /// Returns the experts' rows to the ranks that their tokens came from and sums them with weights:
    /// out[t] = round(Σ_k weight[t,k] · row of expert k), in Float32 and by ascending k. Selections of -1 and
    /// experts on masked ranks are left out; a token without selections gives 0. Collective.
    /// </summary>
    /// <param name="x">BFloat16 [L, R·M, H]: the experts' outputs in the order received.</param>
    /// <param name="topkIdx">Int64 or Int32 [T,K]: as in the dispatch; entries may be replaced by -1 to leave them out.</param>
    /// <param name="topkWeights">Float32 [T,K].</param>
    /// <param name="handle">The routing, from a dispatch of this buffer whose rows were received.</param>
    /// <param name="options">Options; null for the defaults.</param>
    /// <inheritdoc cref="Dispatch" path="/exception"/>
    /// <exception cref="StaleHandleException">The handle belongs to another buffer or was disposed.</exception>
    public LowLatencyCombineResult Combine(
        Tensor<BFloat16> x,
        Tensor topkIdx,
        Tensor<float> topkWeights,
        LowLatencyHandle handle,
        LowLatencyCombineOptions? options = null
    )
    {
        options ??= LowLatencyCombineOptions.Default;
        var result = PrepareCombine(x, topkIdx, topkWeights, handle, options, withHook: false);
        try
        {
            Run(result, options.Async);
        }
        catch
        {
            // The caller never sees the result: its memory is the pool's again.
            result.Dispose();
            throw;
        }
        return result;
    }

    /// <summary>Sends only; the result's <see cref="LowLatencyResult.Hook"/> receives. Weights and expert ids must stay unchanged until then, <paramref name="x"/> may change after the call. Collective.</summary>
    /// <param name="x">BFloat16 [L, R·M, H]: the experts' outputs in the order received.</param>
    /// <param name="topkIdx">Int64 or Int32 [T,K]: as in the dispatch; entries may be replaced by -1 to leave them out.</param>
    /// <param name="topkWeights">Float32 [T,K].</param>
    /// <param name="handle">The routing, from a dispatch of this buffer whose rows were received.</param>
    /// <param name="options">Options without <see cref="LowLatencyCombineOptions.Async"/>; null for the defaults.</param>
    /// <inheritdoc cref="Combine" path="/exception"/>
    public LowLatencyCombineResult BeginCombine(
        Tensor<BFloat16> x,
        Tensor topkIdx,
        Tensor<float> topkWeights,
        LowLatencyHandle handle,
        LowLatencyCombineOptions? options = null
    )
    {
        options ??= LowLatencyCombineOptions.Default;
        if (options.Async)
            throw Validation.Wrong("options.Async", "expected false with a hook");
        var result = PrepareCombine(x, topkIdx, topkWeights, handle, options, withHook: true);
        try
        {
            Begin(result);
        }
        catch
        {
            result.Dispose();
            throw;
        }
        return result;
    }

    /// <summary>
    /// The memory from which the next operation of this buffer sends, for experts to write their rows into: pass
    /// it to that operation, a combine with <see cref="LowLatencyCombineOptions.ZeroCopy"/>. Waits until the
    /// peers have read what it held before.
    /// </summary>
    /// <param name="handle">The routing of the combine.</param>
    /// <returns>BFloat16 [L, R·M, H], rows at the distance at which they are sent (not contiguous); owned by the buffer.</returns>
    /// <exception cref="InvalidOperationException">The hook of the operation before last is pending.</exception>
    /// <exception cref="StaleHandleException">The handle belongs to another buffer or was disposed.</exception>
    public Tensor<BFloat16> NextCombineBuffer(LowLatencyHandle handle)
    {
        ArgumentNullException.ThrowIfNull(handle);
        ThrowIfUnusable();
        RequireHandle(handle);
        DrainCommunication();
        return _views.CombineRows(PrepareSet("Combine", CancellationToken.None));
    }

    internal void SendCombine(LowLatencyCombineResult result)
    {
        result.Options.After?.Wait();
        ThrowIfFaulted();
        if (result.Options.ZeroCopy && !IsNextCombineBuffer(result.Input!))
            throw new InvalidOperationException(
                "x: expected the tensor that NextCombineBuffer returned immediately before this combine"
            );
        var set = PrepareSet("Combine", result.Cancellation);
        try
        {
            result.Sequence = ++_sequence;
            var post = Posts[set];
            post.Shape = new CallShape
            {
                Kind = CallKind.LowLatencyCombine,
                Sequence = _sequence,
                RowBytes = Options.Hidden,
                TopK = result.Handle.TopK,
                Experts = Options.Experts,
                MaxTokens = Options.MaxTokensPerRank,
                HandleSequence = result.Handle.Sequence,
                Layout = result.Options.UseLogFmt ? 1 : 0,
            };
            RoutingPlan.Ensure(ref post.LayoutRange, LocalExperts * Group.Size);
            result.Handle.LayoutRange.AsSpan().CopyTo(post.LayoutRange);
            var work = new ReturnWork(this, result, set);
            CpuParallel.Run(
                LocalExperts,
                ref work,
                result.Handle.ReceivedRows < 64 ? 1 : Group.Threads
            );
            _pending[set] = result;
            _path.PublishCombine(set, post);
            SignalSent(_sequence);
        }
        catch
        {
            Fault();
            throw;
        }
    }

    private bool IsNextCombineBuffer(Tensor<BFloat16> x)
    {
        var expected = _views.CombineRows(SetOf(_sequence + 1));
        return x.DataPointer == expected.DataPointer && x.Strides == expected.Strides;
    }

    internal void ReceiveCombine(LowLatencyCombineResult result)
    {
        ThrowIfFaulted();
        var set = SetOf(result.Sequence);
        try
        {
            WaitPeers(
                SentSignal,
                result.Sequence,
                "Combine",
                "receive",
                result.Options.WaitStats,
                result.Cancellation
            );
            MarkFirstCallDone();
            CheckShapes(set, Posts[set].Shape);
            var tokens = result.Handle.TokenCount;
            result.Output =
                result.Options.Output
                ?? (Tensor<BFloat16>)result.Slab.Use(DType.BFloat16, tokens, Options.Hidden);
            var work = new SumWork(this, result, set);
            CpuParallel.Run(
                (tokens + SumBlock - 1) / SumBlock,
                ref work,
                tokens * result.Handle.TopK < 64 ? 1 : Group.Threads
            );
            SignalConsumed(result.Sequence);
            EpMetrics.Combined(
                lowLatency: true,
                (long)tokens * result.Handle.TopK * Options.Hidden * sizeof(ushort)
            );
        }
        catch (Exception e) when (e is not CollectiveMismatchException)
        {
            Fault();
            throw;
        }
        finally
        {
            Finish(set, result);
        }
        GC.KeepAlive(result);
    }

    private LowLatencyCombineResult PrepareCombine(
        Tensor<BFloat16> x,
        Tensor topkIdx,
        Tensor<float> topkWeights,
        LowLatencyHandle handle,
        LowLatencyCombineOptions options,
        bool withHook
    )
    {
        ArgumentNullException.ThrowIfNull(handle);
        ThrowIfUnusable();
        ValidateExpertRows(x);
        ValidateRouting(topkIdx, topkIdx?.Shape[0] ?? 0);
        RequireHandle(handle);
        if (!handle.IsReceived)
            throw new InvalidOperationException("Receive the dispatch before combining its rows.");
        if (topkIdx!.Shape[0] != handle.TokenCount || topkIdx.Shape[1] != handle.TopK)
            throw Validation.Wrong(
                nameof(topkIdx),
                $"expected the dispatch's [{handle.TokenCount},{handle.TopK}], got {topkIdx}"
            );
        Validation.RequireShape(
            topkWeights,
            nameof(topkWeights),
            DType.Float32,
            handle.TokenCount,
            handle.TopK
        );
        if (options.ZeroCopy && options.UseLogFmt)
            throw Validation.Wrong("options.UseLogFmt", "expected false with zero copy");
        // Rows are written to where they lie: an encoder would overwrite what it still has to read.
        if (!options.ZeroCopy && LiesInSendArea(x))
            throw Validation.Wrong(
                nameof(x),
                "expected other memory than NextCombineBuffer's without options.ZeroCopy"
            );
        if (options.UseLogFmt && Options.Hidden % 512 != 0)
            throw Validation.Wrong(
                "options.UseLogFmt",
                $"needs a hidden size that is a multiple of 512, the buffer has {Options.Hidden}"
            );
        if (options.Output is { } output)
            ValidateOutput(output, topkIdx, topkWeights, handle);
        RequireStats(options.WaitStats, Group.Size, "options.WaitStats");
        RequireNoPendingHook(options.After);
        RequireFreeSetIfIdle();
        CheckSelections(topkIdx, handle);
        LowLatencyCombineResult? result;
        lock (_poolGate)
            _combinePool.TryPop(out result);
        result ??= new LowLatencyCombineResult(this);
        result.Revive(withHook);
        result.Input = x;
        result.TopkIdx = topkIdx;
        result.TopkWeights = topkWeights;
        result.Handle = handle;
        result.Options = options;
        result.Use(handle);
        return result;
    }

    private void ValidateOutput(
        Tensor<BFloat16> output,
        Tensor topkIdx,
        Tensor<float> topkWeights,
        LowLatencyHandle handle
    )
    {
        const string name = "options.Output";
        Validation.RequireShape(output, name, DType.BFloat16, handle.TokenCount, Options.Hidden);
        Validation.RequireOutput(
            output,
            name,
            (topkIdx, nameof(topkIdx)),
            (topkWeights, nameof(topkWeights))
        );
        // Peers may still read what lies there when the sums are written.
        if (LiesInSendArea(output))
            throw Validation.Wrong(name, "expected other memory than NextCombineBuffer's");
    }

    private bool LiesInSendArea(Tensor x)
    {
        var first = (byte*)x.DataPointer;
        return first >= SendArea(0) && first < SendArea(1) + Layout.SendBytes;
    }

    private void ValidateExpertRows(Tensor<BFloat16> x)
    {
        Validation.RequireUsable(x, nameof(x));
        var rows = (long)Group.Size * Options.MaxTokensPerRank;
        if (
            x.Rank != 3
            || x.Shape[0] != LocalExperts
            || x.Shape[1] != rows
            || x.Shape[2] != Options.Hidden
            || x.Strides[2] != 1
        )
            throw Validation.Wrong(
                nameof(x),
                $"expected BFloat16[{LocalExperts},{rows},{Options.Hidden}] with compact rows, got {x} with strides {x.Strides}"
            );
    }

    private void RequireHandle(LowLatencyHandle handle)
    {
        if (handle.Owner != this)
            throw new StaleHandleException("The handle belongs to another buffer.");
        if (!handle.IsAlive)
            throw new StaleHandleException("The handle was disposed.");
    }

    private static void CheckSelections(Tensor topkIdx, LowLatencyHandle handle)
    {
        for (var token = 0; token < handle.TokenCount; token++)
        for (var k = 0; k < handle.TopK; k++)
        {
            var expert = SelectionOf(topkIdx, token, k);
            if (expert != -1 && expert != handle.ExpertIds[token * handle.TopK + k])
                throw Validation.Wrong(
                    nameof(topkIdx),
                    $"[{token},{k}]: expected the dispatch's {handle.ExpertIds[token * handle.TopK + k]} or -1, got {expert}"
                );
        }
        GC.KeepAlive(topkIdx);
    }

    private static long SelectionOf(Tensor topkIdx, long token, int k)
    {
        var offset = token * topkIdx.Strides[0] + k;
        return topkIdx.DType == DType.Int64
            ? ((long*)topkIdx.DataPointer)[offset]
            : ((int*)topkIdx.DataPointer)[offset];
    }

    private void ReturnExpert(int expert, LowLatencyCombineResult result, int set)
    {
        var x = result.Input!;
        var rowsPerExpert = (long)Group.Size * Options.MaxTokensPerRank;
        var info = result.Handle.SourceInfo.DataPointer + expert * rowsPerExpert;
        var ranges = result.Handle.LayoutRange.DataPointer + expert * Group.Size;
        var globalExpert = Group.Rank * LocalExperts + expert;
        for (var home = 0; home < Group.Size; home++)
        {
            if (IsMasked(home))
                continue;
            var row = ranges[home] >> 32;
            var end = row + (int)ranges[home];
            for (; row < end; row++)
            {
                var source = x.DataPointer + expert * x.Strides[0] + row * x.Strides[1];
                var token = info[row];
                if (result.Options.ZeroCopy)
                {
                    _path.SendCombineRow(
                        set,
                        (byte*)source,
                        2L * Options.Hidden,
                        home,
                        globalExpert,
                        token
                    );
                    continue;
                }
                var target = _path.CombineRowTarget(
                    set,
                    expert * rowsPerExpert + row,
                    home,
                    globalExpert,
                    token
                );
                var bytes = 2L * Options.Hidden;
                if (result.Options.UseLogFmt)
                    bytes = LogFmt10.Encode((ushort*)source, Options.Hidden, target);
                else
                    RowCopy.Copy(target, (byte*)source, bytes, stream: false);
                _path.SendCombineRow(set, target, bytes, home, globalExpert, token);
            }
        }
    }

    private void SumTokens(int block, LowLatencyCombineResult result, int set)
    {
        var handle = result.Handle;
        var rows = stackalloc ushort*[MaxTopK];
        var weights = stackalloc float[MaxTopK];
        var output = result.Output!;
        var end = Math.Min(handle.TokenCount, (block + 1) * SumBlock);
        for (var token = block * SumBlock; token < end; token++)
        {
            var count = 0;
            for (var k = 0; k < handle.TopK; k++)
            {
                var expert = (int)SelectionOf(result.TopkIdx!, token, k);
                if (expert < 0 || IsMasked(expert / LocalExperts))
                    continue;
                var slot = handle.Slots[token * handle.TopK + k];
                rows[count] = (ushort*)_path.CombinedRow(set, expert, token, slot);
                weights[count] = *(
                    result.TopkWeights!.DataPointer + token * result.TopkWeights.Strides[0] + k
                );
                count++;
            }
            var target = (ushort*)(output.DataPointer + token * output.Strides[0]);
            if (result.Options.UseLogFmt)
                SumEncoded(target, rows, weights, count);
            else
                WeightedRowSum.Sum(_cpu.Tier, target, rows, weights, count, Options.Hidden);
        }
    }

    private void SumEncoded(ushort* target, ushort** rows, float* weights, int count)
    {
        var hidden = Options.Hidden;
        using var scratch = CpuScratch.Rent(2 * sizeof(float) * (nuint)hidden);
        var sums = (float*)scratch.Pointer;
        var decoded = sums + hidden;
        new Span<float>(sums, hidden).Clear();
        for (var row = 0; row < count; row++)
        {
            LogFmt10.Decode((byte*)rows[row], hidden, decoded);
            WeightedRowSum.Add(_cpu.Tier, sums, decoded, weights[row], hidden);
        }
        NumberConvert.Narrow(
            new ReadOnlySpan<float>(sums, hidden),
            new Span<BFloat16>(target, hidden),
            _cpu.Tier
        );
    }

    private readonly struct ReturnWork(
        LowLatencyBuffer buffer,
        LowLatencyCombineResult result,
        int set
    ) : ICpuWork
    {
        public void Execute(int item, int worker) => buffer.ReturnExpert(item, result, set);
    }

    private readonly struct SumWork(
        LowLatencyBuffer buffer,
        LowLatencyCombineResult result,
        int set
    ) : ICpuWork
    {
        public void Execute(int item, int worker) => buffer.SumTokens(item, result, set);
    }
}
