// SPDX-License-Identifier: MIT
using System.Runtime.Intrinsics;
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.FlashMla.Cpu;

namespace DeepInfra.FlashMla;

public static unsafe partial class MlaAttention
{
    /// <summary>
    /// Token-sparse decode: every query token attends to the cache slots of its own index list, and with an extra scope to the union
    /// with a second list into a second cache. Values are the first ValueDim columns of the keys.
    /// </summary>
    /// <param name="plan">A plan for sparse decode, updated with the lengths of the scopes.</param>
    /// <param name="q">Queries <c>[b, s, h, D]</c>, BFloat16, Float16 or Float32, last axis contiguous.</param>
    /// <param name="scope">Cache and index lists; any cache format with one KV head.</param>
    /// <param name="extraScope">A second cache of the same format with its own page size and lists; null for none.</param>
    /// <param name="attnSink">
    /// Float32 <c>[h]</c>: attention sink per head in natural units, scales the output by <c>1 / (1 + exp(sink - lse))</c>; -infinity has no
    /// effect, +infinity gives 0. The log-sum-exp does not contain it.
    /// </param>
    /// <param name="output">Receives <c>[b, s, h, Dv]</c>; null allocates one of q's type. Rows without a valid entry are 0.</param>
    /// <param name="logSumExp">Receives Float32 <c>[b, h, s]</c>, any strides; null allocates.</param>
    /// <returns>The output and the log-sum-exp.</returns>
    /// <exception cref="ArgumentException">A type, shape, stride or length is wrong, or does not fit the plan.</exception>
    /// <exception cref="InvalidOperationException">Another call is using the plan, or it is for dense decode.</exception>
    /// <exception cref="NotSupportedException">CUDA tensors.</exception>
    /// <remarks>Synchronous. Allocates nothing when outputs are given and the threads are warm. Thread-safe with one plan per caller.</remarks>
    public static AttentionState DecodeSparse(
        MlaDecodePlan plan,
        Tensor q,
        SparseScope scope,
        SparseScope? extraScope = null,
        Tensor<float>? attnSink = null,
        Tensor? output = null,
        Tensor<float>? logSumExp = null
    )
    {
        ArgumentNullException.ThrowIfNull(plan);
        plan.RequireKind(sparse: true);
        ValidateSparse(plan, q, scope, extraScope, attnSink, output, logSumExp);
        var options = plan.Options;
        var shape = options.Shape;
        var batch = q.Shape[0];
        plan.Enter();
        try
        {
            if (batch != plan.Batch)
                throw new ArgumentException(
                    $"q: the plan was updated for {plan.Batch} requests, got {q.Shape}",
                    nameof(q)
                );
            if (plan.StaleSparse(scope.Lengths, extra: false) is { } stale)
                throw new ArgumentException(stale, nameof(scope));
            if (
                extraScope is { } checkedScope
                && plan.StaleSparse(checkedScope.Lengths, extra: true) is { } staleExtra
            )
                throw new ArgumentException(staleExtra, nameof(extraScope));
            output ??= Tensor.Create(
                q.DType,
                [batch, options.QueryTokens, shape.QueryHeads, shape.ValueDim],
                zeroed: false
            );
            logSumExp ??= Tensor<float>.Create(
                [batch, shape.QueryHeads, options.QueryTokens],
                zeroed: false
            );
            var arguments = DecodeArgumentsOf(plan, q, scope.Cache.Format, output, logSumExp);
            if (attnSink is not null)
            {
                arguments.Sink = attnSink.DataPointer;
                arguments.SinkStride = attnSink.Strides[0];
            }
            var main = ListOf(scope, plan.TopKPointer);
            var extra = extraScope is { } second ? ListOf(second, plan.ExtraTopKPointer) : default;
            RunSparse(
                new SparseRequest(arguments, main, extra, extraScope is not null),
                plan,
                options.Cpu
            );
        }
        finally
        {
            plan.Leave();
        }
        FlashMlaMeter.Count(FlashMlaMeter.Decode, plan.TotalTokens * options.QueryTokens);
        GC.KeepAlive(q);
        KeepAlive(scope);
        if (extraScope is { } kept)
            KeepAlive(kept);
        GC.KeepAlive(attnSink);
        GC.KeepAlive(output);
        GC.KeepAlive(logSumExp);
        return new AttentionState(output, logSumExp, options.LogSumExpBase);
    }

    private static SparseList ListOf(in SparseScope scope, int* lengths) =>
        new()
        {
            Cache = new CacheView(scope.Cache),
            Indices = scope.Indices.DataPointer,
            RequestStride = scope.Indices.Strides[0],
            TokenStride = scope.Indices.Strides[1],
            TopK = (int)scope.Indices.Shape[2],
            Lengths = lengths,
        };

    private static void RunSparse(
        in SparseRequest request,
        MlaDecodePlan? plan,
        CpuBackendOptions cpu
    )
    {
        switch (cpu.Tier)
        {
            case SimdTier.V512:
                RunSparse<Simd512, Vector512<float>>(request, plan, cpu);
                break;
            case SimdTier.V256:
                RunSparse<Simd256, Vector256<float>>(request, plan, cpu);
                break;
            case SimdTier.V128:
                RunSparse<Simd128, Vector128<float>>(request, plan, cpu);
                break;
            default:
                RunSparse<SimdScalar, float>(request, plan, cpu);
                break;
        }
    }

    private static void RunSparse<TSimd, TVector>(
        in SparseRequest request,
        MlaDecodePlan? plan,
        CpuBackendOptions cpu
    )
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        if (request.Arguments.Format == KvCacheFormat.Float16)
            RunSparse<TSimd, TVector, FloatRows<TSimd, TVector>>(request, cpu);
        else
            RunSparse<TSimd, TVector, BFloat16Rows<TSimd, TVector>>(request, cpu);
        if (plan is not null)
            RunCombine<TSimd, TVector>(request.Arguments, plan, cpu);
    }

    private static void RunSparse<TSimd, TVector, TRows>(
        in SparseRequest request,
        CpuBackendOptions cpu
    )
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
        where TRows : struct, IKeyRows<TSimd, TVector>
    {
        var work = new SparseWork<TSimd, TVector, TRows>
        {
            Arguments = request.Arguments,
            Main = request.Main,
            Extra = request.Extra,
            HasExtra = request.HasExtra,
            MaxLogits = request.MaxLogits,
            IndexerLogSumExp = request.IndexerLogSumExp,
            IndexerTopK = request.IndexerTopK,
        };
        CpuParallel.Run(work.ItemCount, ref work, cpu.MaxDegreeOfParallelism);
    }

    private static void ValidateSparse(
        MlaDecodePlan plan,
        Tensor q,
        in SparseScope scope,
        in SparseScope? extraScope,
        Tensor<float>? attnSink,
        Tensor? output,
        Tensor<float>? logSumExp
    )
    {
        var options = plan.Options;
        ArgumentCheck.Alive(q);
        ArgumentCheck.Alive(scope.Cache.Data, nameof(scope));
        ArgumentCheck.FloatType(q, nameof(q));
        ArgumentCheck.Rank(q, 4, "[b, s, h, D]", nameof(q));
        if (plan.Mismatch(q, scope.Cache) is { } mismatch)
            throw new ArgumentException(
                mismatch,
                mismatch.StartsWith('q') ? nameof(q) : nameof(scope)
            );
        ArgumentCheck.LastAxisContiguous(q, nameof(q));
        ArgumentCheck.OnCpu(q, nameof(q));
        ValidateScope(scope, q.Shape, options.TopK, nameof(scope));
        if ((extraScope is null) != (options.ExtraTopK == 0))
            throw new ArgumentException(
                $"extraScope: the plan was made with ExtraTopK {options.ExtraTopK}, but a scope was {(extraScope is null ? "not " : "")}given",
                nameof(extraScope)
            );
        if (extraScope is { } extra)
        {
            ArgumentCheck.Alive(extra.Cache.Data, nameof(extraScope));
            if (
                extra.Cache.Format != options.Format
                || extra.Cache.HeadDim != options.Shape.HeadDim
                || extra.Cache.PageSize != options.ExtraPageSize
            )
                throw new ArgumentException(
                    $"extraScope: the plan expects format {options.Format}, rows of {options.Shape.HeadDim} and a page size of {options.ExtraPageSize}, got {extra.Cache.Format}, {extra.Cache.HeadDim} and {extra.Cache.PageSize}",
                    nameof(extraScope)
                );
            ValidateScope(extra, q.Shape, options.ExtraTopK, nameof(extraScope));
        }
        ValidateSink(attnSink, options.Shape.QueryHeads);
        ValidateOutputs(
            Device.Cpu,
            output,
            [q.Shape[0], options.QueryTokens, options.Shape.QueryHeads, options.Shape.ValueDim],
            logSumExp,
            [q.Shape[0], options.Shape.QueryHeads, options.QueryTokens]
        );
        RequireSeparate(output, logSumExp, q, nameof(q));
        RequireSeparate(output, logSumExp, scope, nameof(scope));
        if (extraScope is { } second)
            RequireSeparate(output, logSumExp, second, nameof(extraScope));
        if (attnSink is not null)
            RequireSeparate(output, logSumExp, attnSink, nameof(attnSink));
    }

    private static void RequireSeparate(
        Tensor? output,
        Tensor<float>? logSumExp,
        in SparseScope scope,
        string name
    )
    {
        RequireSeparate(output, logSumExp, scope.Cache.Data, name);
        RequireSeparate(output, logSumExp, scope.Indices, name);
        if (scope.Lengths is not null)
            RequireSeparate(output, logSumExp, scope.Lengths, name);
    }

    private static void ValidateScope(in SparseScope scope, Shape query, int topK, string name)
    {
        ArgumentCheck.OnCpu(scope.Cache.Data, name);
        if (scope.Cache.KvHeads != 1)
            throw new ArgumentException(
                $"{name}: expected a cache with one KV head, got {scope.Cache.KvHeads}",
                name
            );
        ArgumentCheck.Alive(scope.Indices, name);
        ArgumentCheck.Shape(scope.Indices, [query[0], query[1], topK], name);
        ArgumentCheck.LastAxisContiguous(scope.Indices, name);
        ArgumentCheck.OnCpu(scope.Indices, name);
        MlaDecodePlan.CheckLengths(scope.Lengths, query[0], topK, name);
    }

    private static void ValidateSink(Tensor<float>? attnSink, int heads)
    {
        if (attnSink is null)
            return;
        ArgumentCheck.Alive(attnSink);
        ArgumentCheck.Shape(attnSink, [heads], nameof(attnSink));
        ArgumentCheck.OnCpu(attnSink, nameof(attnSink));
    }

    private static void KeepAlive(in SparseScope scope)
    {
        GC.KeepAlive(scope.Cache.Data);
        GC.KeepAlive(scope.Indices);
        GC.KeepAlive(scope.Lengths);
    }
}
