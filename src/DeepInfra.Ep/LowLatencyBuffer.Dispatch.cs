// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.Core.Quantization;
using DeepInfra.Ep.Cpu;
using DeepInfra.Ep.Diagnostics;
using DeepInfra.Ep.Engine;
using DeepInfra.Ep.LowLatency;

namespace DeepInfra.Ep;

public sealed unsafe partial class LowLatencyBuffer
{
    /// <summary>Sends each token to each of its experts and receives. Collective.</summary>
    /// <param name="x">BFloat16 [T,H], T at most M.</param>
    /// <param name="topkIdx">Int64 or Int32 [T,K]: experts, -1 for no selection, no expert twice in a row.</param>
    /// <param name="options">Options; null for the defaults.</param>
    /// <exception cref="ArgumentException">A tensor or option is wrong; nothing was sent.</exception>
    /// <exception cref="InvalidRoutingException">An expert id is invalid; nothing was sent.</exception>
    /// <exception cref="InvalidOperationException">The hook of the operation before last is pending.</exception>
    /// <exception cref="CollectiveMismatchException">Ranks disagree about the call.</exception>
    /// <exception cref="ExpertParallelTimeoutException">A rank did not come in time and there is no mask; the buffer is faulted.</exception>
    /// <exception cref="PeerFailedException">A rank left or failed and there is no mask; the buffer is faulted.</exception>
    public LowLatencyDispatchResult Dispatch(
        Tensor x,
        Tensor topkIdx,
        LowLatencyDispatchOptions? options = null
    )
    {
        options ??= LowLatencyDispatchOptions.Default;
        var result = PrepareDispatch(x, topkIdx, options, withHook: false);
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

    /// <summary>Sends only; the result's <see cref="LowLatencyResult.Hook"/> receives. The input may change after the call. Collective.</summary>
    /// <param name="x">BFloat16 [T,H], T at most M.</param>
    /// <param name="topkIdx">Int64 or Int32 [T,K]: experts, -1 for no selection, no expert twice in a row.</param>
    /// <param name="options">Options without <see cref="LowLatencyDispatchOptions.Async"/>; null for the defaults.</param>
    /// <inheritdoc cref="Dispatch" path="/exception"/>
    public LowLatencyDispatchResult BeginDispatch(
        Tensor x,
        Tensor topkIdx,
        LowLatencyDispatchOptions? options = null
    )
    {
        options ??= LowLatencyDispatchOptions.Default;
        if (options.Async)
            throw Validation.Wrong("options.Async", "expected false with a hook");
        var result = PrepareDispatch(x, topkIdx, options, withHook: true);
        try
        {
            Begin(result);
        }
        catch
        {
            Discard(result);
            throw;
        }
        return result;
    }

    internal void SendDispatch(LowLatencyDispatchResult result)
    {
        result.Options.After?.Wait();
        ThrowIfFaulted();
        var set = PrepareSet("Dispatch", result.Cancellation);
        var post = Posts[set];
        // Throws before anything is sent: the set stays free.
        _router.Route(result.TopkIdx!, post, result.Handle);
        try
        {
            result.Sequence = result.Handle.Sequence = ++_sequence;
            post.Shape = new CallShape
            {
                Kind = CallKind.LowLatencyDispatch,
                Sequence = _sequence,
                DType = (long)result.Options.Format,
                RowBytes = Options.Hidden,
                TopK = result.Handle.TopK,
                Experts = Options.Experts,
                MaxTokens = Options.MaxTokensPerRank,
            };
            WriteMessages(set, result);
            _pending[set] = result;
            _path.PublishDispatch(
                set,
                post,
                LowLatencyLayout.MessageStride(Options.Hidden, result.Options.Format)
            );
            SignalSent(_sequence);
        }
        catch
        {
            Fault();
            throw;
        }
    }

    internal void ReceiveDispatch(LowLatencyDispatchResult result)
    {
        ThrowIfFaulted();
        var set = SetOf(result.Sequence);
        try
        {
            WaitPeers(
                SentSignal,
                result.Sequence,
                "Dispatch",
                "receive",
                result.Options.WaitStats,
                result.Cancellation
            );
            MarkFirstCallDone();
            CheckShapes(set, Posts[set].Shape);
            var (x, scales) = result.Outputs();
            var rows = PlaceRows(set, result);
            var work = new ReceiveWork(this, result, set, x, scales);
            CpuParallel.Run(LocalExperts, ref work, rows < 64 ? 1 : Group.Threads);
            SignalConsumed(result.Sequence);
            result.Handle.ReceivedRows = rows;
            result.Handle.IsReceived = true;
            EpMetrics.Dispatched(
                lowLatency: true,
                rows
                    * (
                        LowLatencyLayout.MessageStride(Options.Hidden, result.Options.Format)
                        - LowLatencyLayout.HeaderBytes
                    )
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

    private LowLatencyDispatchResult PrepareDispatch(
        Tensor x,
        Tensor topkIdx,
        LowLatencyDispatchOptions options,
        bool withHook
    )
    {
        ThrowIfUnusable();
        ValidateRows(x, nameof(x));
        ValidateRouting(topkIdx, x.Shape[0]);
        ValidateFormat(options.Format);
        RequireStats(options.ExpertStats, LocalExperts, "options.ExpertStats");
        RequireStats(options.WaitStats, Group.Size, "options.WaitStats");
        RequireNoPendingHook(options.After);
        RequireFreeSetIfIdle();
        LowLatencyDispatchResult? result;
        LowLatencyHandle? handle;
        lock (_poolGate)
        {
            _dispatchPool.TryPop(out result);
            _handlePool.TryPop(out handle);
        }
        result ??= new LowLatencyDispatchResult(this);
        handle ??= new LowLatencyHandle(this);
        handle.Revive();
        result.Revive(withHook);
        result.Input = x;
        result.TopkIdx = topkIdx;
        result.Options = options;
        result.Handle = handle;
        result.Use(handle);
        return result;
    }

    /// <summary>An operation behind a hook of the same thread would wait forever.</summary>
    private static void RequireNoPendingHook(EpEvent? after)
    {
        if (after is { IsHookPending: true })
            throw new InvalidOperationException(
                "options.After: invoke the hook of that operation first."
            );
    }

    private static void Discard(LowLatencyDispatchResult result)
    {
        result.Handle.Dispose();
        result.Dispose();
    }

    /// <summary>Runs the sending half on this thread.</summary>
    private void Begin(LowLatencyResult result)
    {
        try
        {
            DrainCommunication();
            result.Send();
        }
        catch
        {
            result.Abandon();
            throw;
        }
    }

    private void Finish(int set, LowLatencyResult result)
    {
        if (_pending[set] == result)
            _pending[set] = null;
        _lastUse[set] = result.Sequence;
    }

    /// <summary>Writes a message per token, cast if asked for, into the send area.</summary>
    private void WriteMessages(int set, LowLatencyDispatchResult result)
    {
        var x = result.Input!;
        var tokens = (int)x.Shape[0];
        var (hidden, format) = (Options.Hidden, result.Options.Format);
        var stride = LowLatencyLayout.MessageStride(hidden, format);
        var area = SendArea(set);
        for (var token = 0; token < tokens; token++)
            *(int*)(area + token * stride) = token;
        if (format == LowLatencyFormat.Bf16)
        {
            for (var token = 0; token < tokens; token++)
                Buffer.MemoryCopy(
                    (byte*)x.DataPointer + token * x.Strides[0] * sizeof(ushort),
                    area + token * stride + LowLatencyLayout.HeaderBytes,
                    2L * hidden,
                    2L * hidden
                );
            return;
        }
        if (tokens == 0)
            return;
        var (codes, scales) = _views.Fp8(set, tokens);
        Quantizer.QuantizePerToken(
            x,
            codes,
            scales,
            granK: 128,
            ue8m0: format != LowLatencyFormat.Fp8,
            ScaleRule.MultiplyReciprocal,
            _cpu
        );
    }

    /// <summary>Gives each source rank its rows in each local expert; returns the number of rows.</summary>
    private long PlaceRows(int set, LowLatencyDispatchResult result)
    {
        var ranges = result.Handle.LayoutRange.AsSpan();
        var counts = result.Counts.AsSpan();
        long rows = 0;
        for (var expert = 0; expert < LocalExperts; expert++)
        {
            var begin = 0;
            for (var source = 0; source < Group.Size; source++)
            {
                var count = IsMasked(source) ? 0 : _path.Count(set, source, expert);
                ranges[expert * Group.Size + source] = (long)begin << 32 | (uint)count;
                begin += count;
            }
            counts[expert] = begin;
            rows += begin;
            if (result.Options.ExpertStats is { } stats)
                stats.AsSpan()[expert] += begin;
        }
        return rows;
    }

    private void ReceiveExpert(
        int expert,
        LowLatencyDispatchResult result,
        int set,
        Tensor x,
        Tensor? scales
    )
    {
        var (hidden, format) = (Options.Hidden, result.Options.Format);
        var stride = LowLatencyLayout.MessageStride(hidden, format);
        var rowBytes = format == LowLatencyFormat.Bf16 ? 2L * hidden : hidden;
        var rowsPerExpert = (long)Group.Size * Options.MaxTokensPerRank;
        var output = (byte*)x.DataPointer + expert * rowsPerExpert * rowBytes;
        var info = result.Handle.SourceInfo.DataPointer + expert * rowsPerExpert;
        var ranges = result.Handle.LayoutRange.DataPointer + expert * Group.Size;
        for (var source = 0; source < Group.Size; source++)
        {
            var row = ranges[source] >> 32;
            var count = (int)ranges[source];
            for (var i = 0; i < count; i++, row++)
            {
                var message = _path.Message(set, source, expert, i, stride);
                info[row] = *(int*)message;
                var payload = message + LowLatencyLayout.HeaderBytes;
                RowCopy.Copy(output + row * rowBytes, payload, rowBytes, stream: false);
                if (scales is not null)
                    WriteScales((float*)(payload + hidden), scales, expert, row, format);
            }
        }
    }

    private void WriteScales(
        float* source,
        Tensor scales,
        int expert,
        long row,
        LowLatencyFormat format
    )
    {
        var groups = Options.Hidden / 128;
        var step = scales.Strides[2];
        var offset = expert * scales.Strides[0] + row;
        if (format != LowLatencyFormat.Fp8Ue8m0)
        {
            var target = (float*)scales.DataPointer + offset;
            for (var group = 0; group < groups; group++)
                target[group * step] = source[group];
            return;
        }
        var packed = (uint*)scales.DataPointer + offset;
        for (var pack = 0; pack < groups / 4; pack++)
        {
            var bits = (uint*)(source + 4 * pack);
            packed[pack * step] =
                bits[0] >> 23 | bits[1] >> 23 << 8 | bits[2] >> 23 << 16 | bits[3] >> 23 << 24;
        }
    }

    private void ValidateRows(Tensor x, string name)
    {
        Validation.RequireRows(x, name);
        if (x.DType != DType.BFloat16 || x.Shape[1] != Options.Hidden)
            throw Validation.Wrong(name, $"expected BFloat16[T,{Options.Hidden}], got {x}");
        if (x.Shape[0] > Options.MaxTokensPerRank)
            throw Validation.Wrong(
                name,
                $"expected at most {Options.MaxTokensPerRank} tokens, got {x.Shape[0]}"
            );
        // Messages are written there while rows are read.
        if (LiesInSendArea(x))
            throw Validation.Wrong(name, "expected other memory than NextCombineBuffer's");
    }

    private static void ValidateRouting(Tensor topkIdx, long tokens)
    {
        const string name = nameof(topkIdx);
        Validation.RequireRows(topkIdx, name);
        Validation.RequireIndexType(topkIdx, name);
        if (topkIdx.Shape[0] != tokens || topkIdx.Shape[1] < 1)
            throw Validation.Wrong(name, $"expected [{tokens},K] with K >= 1, got {topkIdx}");
        if (topkIdx.Shape[1] > MaxTopK)
            throw Validation.Wrong(
                name,
                $"expected at most {MaxTopK} selections per token, got {topkIdx.Shape[1]}"
            );
    }

    private void ValidateFormat(LowLatencyFormat format)
    {
        var multiple = format switch
        {
            LowLatencyFormat.Bf16 => 8,
            LowLatencyFormat.Fp8 or LowLatencyFormat.Fp8PowerOfTwo => 128,
            LowLatencyFormat.Fp8Ue8m0 => 512,
            _ => throw Validation.Wrong("options.Format", $"not a format: {format}"),
        };
        if (Options.Hidden % multiple != 0)
            throw Validation.Wrong(
                "options.Format",
                $"{format} needs a hidden size that is a multiple of {multiple}, the buffer has {Options.Hidden}"
            );
    }

    private static void RequireStats<T>(Tensor<T>? stats, int length, string name)
        where T : unmanaged
    {
        if (stats is null)
            return;
        Validation.RequireUsable(stats, name);
        if (stats.Rank != 1 || stats.Shape[0] != length || !stats.IsContiguous)
            throw Validation.Wrong(name, $"expected {stats.DType}[{length}], got {stats}");
    }

    private readonly struct ReceiveWork(
        LowLatencyBuffer buffer,
        LowLatencyDispatchResult result,
        int set,
        Tensor x,
        Tensor? scales
    ) : ICpuWork
    {
        public void Execute(int item, int worker) =>
            buffer.ReceiveExpert(item, result, set, x, scales);
    }
}
