// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Ep.Cpu;
using DeepInfra.Ep.Diagnostics;
using DeepInfra.Ep.Engine;

namespace DeepInfra.Ep;

public sealed unsafe partial class ThroughputBuffer
{
    /// <summary>
    /// Returns rows to the ranks that their tokens came from and sums them per token:
    /// out[t] = round(bias0 + bias1 + Σ rows of t), in Float32 and by ascending rank. No weights are applied.
    /// With gradients of received rows this is the backward pass of the dispatch. Collective.
    /// </summary>
    /// <param name="x">BFloat16, Float16 or Float32 [N,H] in received order.</param>
    /// <param name="handle">The routing, from a dispatch of this buffer; the same dispatch on all ranks.</param>
    /// <param name="options">Weights, biases and output; null for the defaults.</param>
    /// <returns>The sums; a token that went nowhere has its biases, or 0. Dispose the result to reuse its memory.</returns>
    /// <exception cref="ArgumentException">A tensor or option is wrong; nothing was sent.</exception>
    /// <exception cref="StaleHandleException">The handle belongs to another buffer or was disposed.</exception>
    /// <exception cref="BufferTooSmallException">Rows exceed the buffer's limits.</exception>
    /// <exception cref="CollectiveMismatchException">Ranks disagree about the call.</exception>
    /// <exception cref="ExpertParallelTimeoutException">A rank did not come in time; the buffer is faulted.</exception>
    /// <exception cref="PeerFailedException">A rank left or failed; the buffer is faulted.</exception>
    public CombineResult Combine(
        Tensor x,
        ThroughputHandle handle,
        CombineOptions? options = null
    ) => Start(x, handle, options ?? CombineOptions.Default, default);

    internal void Execute(CombineResult result)
    {
        var request = result.Request;
        request.Options.After?.Wait();
        ThrowIfFaulted();
        request.Shape = new CallShape
        {
            Kind = CallKind.Combine,
            Sequence = ++_sequence,
            DType = (long)request.DType,
            RowBytes = request.RowBytes,
            TopK = request.TopK,
            HasWeights = request.Weights != null ? 1 : 0,
            HandleSequence = request.Plan.Sequence,
        };
        try
        {
            _path.Announce(request);
            Meet(request.Shape, "Combine", request.Cancellation);
            _path.Transfer(request, PrepareOutputs(result));
        }
        catch (Exception e) when (e is not CollectiveMismatchException)
        {
            GiveUp();
            throw;
        }
        GC.KeepAlive(request.Input);
        GC.KeepAlive(request.Options);
        EpMetrics.Combined(lowLatency: false, request.Plan.EntryCount * request.RowBytes);
    }

    private CombineResult Start(
        Tensor x,
        ThroughputHandle handle,
        CombineOptions options,
        CancellationToken cancellation
    )
    {
        ArgumentNullException.ThrowIfNull(handle);
        ThrowIfUnusable();
        var plan = ReadyPlan(handle);
        ValidateCombine(x, plan, options);
        var result = RentCombine();
        var request = result.Request;
        var elementBytes = DTypes.SizeInBytes(x.DType);
        request.Input = x;
        request.Options = options;
        request.Cancellation = cancellation;
        request.Plan = plan;
        request.X = (byte*)x.DataPointer;
        request.XStrideBytes = x.Strides[0] * elementBytes;
        request.DType = x.DType;
        request.Hidden = x.Shape[1];
        request.RowBytes = x.Shape[1] * elementBytes;
        request.TopK = 0;
        request.Weights = null;
        if (options.TopkWeights is { } weights)
        {
            request.Weights = (float*)weights.DataPointer;
            request.WeightsStride = weights.Strides[0];
            request.TopK = plan.TopK;
        }
        request.Bias0 = options.Bias0 is null ? null : (byte*)options.Bias0.DataPointer;
        request.Bias0StrideBytes = options.Bias0?.Strides[0] * elementBytes ?? 0;
        request.Bias1 = options.Bias1 is null ? null : (byte*)options.Bias1.DataPointer;
        request.Bias1StrideBytes = options.Bias1?.Strides[0] * elementBytes ?? 0;
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

    private void ValidateCombine(Tensor x, RoutingPlan plan, CombineOptions options)
    {
        Validation.RequireRows(x, nameof(x));
        if (!RowSum.Supports(x.DType))
            throw new ArgumentException(
                $"x: expected BFloat16, Float16 or Float32, got {x.DType}",
                nameof(x)
            );
        var (rows, tokens, hidden) = (plan.RecvTokenCount, plan.TokenCount, x.Shape[1]);
        var rowBytes = hidden * DTypes.SizeInBytes(x.DType);
        Validation.RequireRowBytes(rowBytes, nameof(x));
        // A worst-case dispatch has more rows than arrived; the rest is ignored.
        if (x.Shape[0] < rows)
            throw new ArgumentException(
                $"x: expected the handle's {rows} rows, got {x.Shape[0]}",
                nameof(x)
            );
        if (options.TopkWeights is { } weights)
        {
            const string name = "options.TopkWeights";
            if (plan.TopK == 0)
                throw new ArgumentException(
                    $"{name}: the handle comes from a dispatch without routing tables",
                    name
                );
            Validation.RequireShape(weights, name, DType.Float32, x.Shape[0], plan.TopK);
        }
        if (options.Bias0 is { } bias0)
            Validation.RequireShape(bias0, "options.Bias0", x.DType, tokens, hidden);
        if (options.Bias1 is { } bias1)
            Validation.RequireShape(bias1, "options.Bias1", x.DType, tokens, hidden);
        if (options.Output is { } output)
        {
            Validation.RequireShape(output, "options.Output", x.DType, tokens, hidden);
            Validation.RequireOutput(
                output,
                "options.Output",
                (x, nameof(x)),
                (options.TopkWeights, "options.TopkWeights"),
                (InPlace(output, options.Bias0) ? null : options.Bias0, "options.Bias0"),
                (InPlace(output, options.Bias1) ? null : options.Bias1, "options.Bias1")
            );
        }
        var needed = StagedLayout.CombineRecordFor(rowBytes, plan.TopK);
        var available = StagedLayout.CombineRecordCapacity(Options);
        if (needed > available)
            throw new BufferTooSmallException("A combine record", needed, available, "bytes");
    }

    /// <summary>A bias is read element by element before its sum is written.</summary>
    private static bool InPlace(Tensor output, Tensor? bias) =>
        bias is not null
        && bias.DataPointer == output.DataPointer
        && bias.Strides == output.Strides;

    private CombineOutputs PrepareOutputs(CombineResult result)
    {
        var request = result.Request;
        var tokens = request.Plan.TokenCount;
        var output =
            request.Options.Output ?? result.Slab.Use(request.DType, tokens, request.Hidden);
        request.Output = output;
        var outputs = new CombineOutputs
        {
            X = (byte*)output.DataPointer,
            XStrideBytes = output.Strides[0] * DTypes.SizeInBytes(output.DType),
            TopK = request.TopK,
            DType = request.DType,
            Hidden = checked((int)request.Hidden),
            Tier = Group.Cpu.Tier,
            Stream = tokens * request.RowBytes > RowCopy.StreamingThreshold,
            Bias0 = request.Bias0,
            Bias0StrideBytes = request.Bias0StrideBytes,
            Bias1 = request.Bias1,
            Bias1StrideBytes = request.Bias1StrideBytes,
        };
        result.WeightsSlab.SetNone();
        if (request.Weights != null)
            outputs.Weights = (float*)
                result.WeightsSlab.Use(DType.Float32, tokens, request.TopK).DataPointer;
        return outputs;
    }
}
