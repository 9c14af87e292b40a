// SPDX-License-Identifier: MIT
using System.Runtime.Intrinsics;
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.Core.Cuda;
using DeepInfra.FlashMla.Cpu;

namespace DeepInfra.FlashMla;

/// <summary>
/// Multi-head latent attention: decode over a paged KV cache, and prefill forward and backward. The operations and
/// their semantics are those of DeepSeek's FlashMLA; results are bitwise identical between two runs with
/// identical arguments and plan.
/// </summary>
/// <remarks>
/// The device of the plan or, without one, of the tensors picks the backend. CUDA devices have dense decode in this
/// version; the other operations run on the CPU, and throw for CUDA tensors.
/// </remarks>
/// <example>
/// <code>
/// using var cache = new PagedMlaKvCache(new() { BlockCount = 64 });
/// using var plan = MlaDecodePlan.Create(Device.Cpu, new() { Shape = MlaShape.DeepSeekV3(16) });
/// plan.Update(seqlens);
/// var state = MlaAttention.Decode(plan, q, cache.Layer(0), blockTable, seqlens);
/// </code>
/// </example>
public static unsafe partial class MlaAttention
{
    /// <summary>
    /// Attention of new query tokens over the paged cache of their requests. Values are the first ValueDim columns of
    /// the keys. Heads of one KV head are consecutive: query head = KV head · group + index.
    /// </summary>
    /// <param name="plan">A plan updated with the values of <paramref name="cacheSeqlens"/>.</param>
    /// <param name="q">Queries <c>[b, s, h, D]</c>, BFloat16, Float16 or Float32, last axis contiguous.</param>
    /// <param name="cache">The cache; only slots of visible tokens are read, the others may hold anything, NaN included.</param>
    /// <param name="blockTable">Int32 <c>[b, blocks]</c>, last axis contiguous; entries behind the needed ones may be garbage.</param>
    /// <param name="cacheSeqlens">Int32 <c>[b]</c>, contiguous: tokens per request including the new ones, 0 allowed.</param>
    /// <param name="output">
    /// Receives <c>[b, s, h, Dv]</c>, BFloat16, Float16 or Float32, last axis contiguous; null allocates one of q's type. Must not share
    /// memory with another argument. Rows that see no key are 0.
    /// </param>
    /// <param name="logSumExp">Receives Float32 <c>[b, h, s]</c>, any strides; null allocates. Base and the value of empty rows are options of the plan.</param>
    /// <param name="stream">For a plan of a CUDA device a stream of it, which the call needs; must be null on the CPU.</param>
    /// <returns>The output and the log-sum-exp.</returns>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    /// <exception cref="ArgumentException">A type, shape, stride or block index is wrong, or does not fit the plan.</exception>
    /// <exception cref="InvalidOperationException">Another call is using the plan, or it is for sparse decode.</exception>
    /// <exception cref="NotSupportedException">On a CUDA device: queries that are not BFloat16, or an output that is neither BFloat16 nor Float32.</exception>
    /// <remarks>
    /// <para>
    /// Synchronous on the CPU; on a CUDA device the work is enqueued, and all memory of the call recorded on the stream. All tensors are on
    /// the plan's device. There, queries, cache and their strides are multiples of 16 bytes, the output's of two elements, and the call can
    /// be captured into a graph if <paramref name="output"/> and <paramref name="logSumExp"/> are given. The values of lengths and block
    /// table are not checked there: lengths must be those of the plan's last update, and keys of a block outside the cache are NaN.
    /// </para>
    /// <para>
    /// Allocates nothing when <paramref name="output"/> and <paramref name="logSumExp"/> are given and the threads are
    /// warm. Thread-safe with one plan per caller.
    /// </para>
    /// </remarks>
    public static AttentionState Decode(
        MlaDecodePlan plan,
        Tensor q,
        KvBlocks cache,
        Tensor<int> blockTable,
        Tensor<int> cacheSeqlens,
        Tensor? output = null,
        Tensor<float>? logSumExp = null,
        CudaStream? stream = null
    )
    {
        ArgumentNullException.ThrowIfNull(plan);
        plan.RequireKind(sparse: false);
        ValidateDecode(plan, q, cache, blockTable, cacheSeqlens, output, logSumExp);
        ArgumentCheck.Stream(stream, plan.Device);
        if (stream is not null)
            return DecodeOnDevice(
                plan,
                q,
                cache,
                blockTable,
                cacheSeqlens,
                output,
                logSumExp,
                stream
            );
        var options = plan.Options;
        var shape = options.Shape;
        var batch = q.Shape[0];
        plan.Enter();
        try
        {
            if (plan.StaleLengths(cacheSeqlens) is { } stale)
                throw new ArgumentException(stale, nameof(cacheSeqlens));
            output ??= Tensor.Create(
                q.DType,
                [batch, options.QueryTokens, shape.QueryHeads, shape.ValueDim],
                zeroed: false
            );
            logSumExp ??= Tensor<float>.Create(
                [batch, shape.QueryHeads, options.QueryTokens],
                zeroed: false
            );
            var arguments = DecodeArgumentsOf(plan, q, cache.Format, output, logSumExp);
            RunDecode(arguments, new CacheView(cache), blockTable, plan, options.Cpu);
        }
        finally
        {
            plan.Leave();
        }
        FlashMlaMeter.Count(FlashMlaMeter.Decode, plan.TotalTokens);
        GC.KeepAlive(q);
        GC.KeepAlive(cache.Data);
        GC.KeepAlive(blockTable);
        GC.KeepAlive(output);
        GC.KeepAlive(logSumExp);
        return new AttentionState(output, logSumExp, options.LogSumExpBase);
    }

    private static DecodeArguments DecodeArgumentsOf(
        MlaDecodePlan plan,
        Tensor q,
        KvCacheFormat format,
        Tensor output,
        Tensor<float> logSumExp
    )
    {
        var options = plan.Options;
        var arguments = new DecodeArguments
        {
            Query = (byte*)q.DataPointer,
            QueryType = q.DType,
            QueryBatchStride = q.Strides[0],
            QueryTokenStride = q.Strides[1],
            QueryHeadStride = q.Strides[2],
            Format = format,
            Out = (byte*)output.DataPointer,
            OutType = output.DType,
            OutBatchStride = output.Strides[0],
            OutTokenStride = output.Strides[1],
            OutHeadStride = output.Strides[2],
            LogSumExp = logSumExp.DataPointer,
            LseBatchStride = logSumExp.Strides[0],
            LseHeadStride = logSumExp.Strides[1],
            LseTokenStride = logSumExp.Strides[2],
            QueryTokens = options.QueryTokens,
            QueryHeads = options.Shape.QueryHeads,
            KvHeads = options.Shape.KvHeads,
            HeadDim = options.Shape.HeadDim,
            ValueDim = options.Shape.ValueDim,
            Scale = options.ResolvedScale,
            Base = options.LogSumExpBase,
            Empty = options.EmptyLogSumExp,
        };
        plan.Fill(ref arguments);
        return arguments;
    }

    private static void RunDecode(
        in DecodeArguments arguments,
        in CacheView cache,
        Tensor<int> blockTable,
        MlaDecodePlan plan,
        CpuBackendOptions cpu
    )
    {
        switch (cpu.Tier)
        {
            case SimdTier.V512:
                RunDecode<Simd512, Vector512<float>>(arguments, cache, blockTable, plan, cpu);
                break;
            case SimdTier.V256:
                RunDecode<Simd256, Vector256<float>>(arguments, cache, blockTable, plan, cpu);
                break;
            case SimdTier.V128:
                RunDecode<Simd128, Vector128<float>>(arguments, cache, blockTable, plan, cpu);
                break;
            default:
                RunDecode<SimdScalar, float>(arguments, cache, blockTable, plan, cpu);
                break;
        }
    }

    private static void RunDecode<TSimd, TVector>(
        in DecodeArguments arguments,
        in CacheView cache,
        Tensor<int> blockTable,
        MlaDecodePlan plan,
        CpuBackendOptions cpu
    )
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        if (arguments.Format == KvCacheFormat.Float16)
            RunDecode<TSimd, TVector, FloatRows<TSimd, TVector>>(
                arguments,
                cache,
                blockTable,
                plan,
                cpu
            );
        else
            RunDecode<TSimd, TVector, BFloat16Rows<TSimd, TVector>>(
                arguments,
                cache,
                blockTable,
                plan,
                cpu
            );
        RunCombine<TSimd, TVector>(arguments, plan, cpu);
    }

    private static void RunDecode<TSimd, TVector, TRows>(
        in DecodeArguments arguments,
        in CacheView cache,
        Tensor<int> blockTable,
        MlaDecodePlan plan,
        CpuBackendOptions cpu
    )
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
        where TRows : struct, IKeyRows<TSimd, TVector>
    {
        var work = new DecodeWork<TSimd, TVector, TRows>
        {
            Arguments = arguments,
            Cache = cache,
            BlockTable = blockTable.DataPointer,
            TableStride = blockTable.Strides[0],
            SequenceLengths = plan.LengthPointer,
            Causal = plan.Options.Causal,
        };
        CpuParallel.Run(work.ItemCount, ref work, cpu.MaxDegreeOfParallelism);
    }

    private static void RunCombine<TSimd, TVector>(
        in DecodeArguments arguments,
        MlaDecodePlan plan,
        CpuBackendOptions cpu
    )
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        if (plan.SplitSets == 0)
            return;
        var combine = new CombineWork<TSimd, TVector> { Arguments = arguments };
        CpuParallel.Run(
            arguments.Batch * arguments.KvHeads,
            ref combine,
            cpu.MaxDegreeOfParallelism
        );
    }

    private static void ValidateDecode(
        MlaDecodePlan plan,
        Tensor q,
        in KvBlocks cache,
        Tensor<int> blockTable,
        Tensor<int> cacheSeqlens,
        Tensor? output,
        Tensor<float>? logSumExp
    )
    {
        ArgumentCheck.Alive(q);
        ArgumentCheck.Alive(cache.Data, nameof(cache));
        ArgumentCheck.Alive(blockTable);
        ArgumentCheck.Alive(cacheSeqlens);
        ArgumentCheck.FloatType(q, nameof(q));
        ArgumentCheck.Rank(q, 4, "[b, s, h, D]", nameof(q));
        if (plan.Mismatch(q, cache) is { } mismatch)
            throw new ArgumentException(
                mismatch,
                mismatch.StartsWith('q') ? nameof(q) : nameof(cache)
            );
        var batch = q.Shape[0];
        ArgumentCheck.Rank(blockTable, 2, "[b, blocks]", nameof(blockTable));
        ArgumentCheck.Shape(blockTable, blockTable.Shape.With(0, batch), nameof(blockTable));
        ArgumentCheck.Shape(cacheSeqlens, [batch], nameof(cacheSeqlens));
        ArgumentCheck.LastAxisContiguous(q, nameof(q));
        ArgumentCheck.LastAxisContiguous(blockTable, nameof(blockTable));
        ArgumentCheck.LastAxisContiguous(cacheSeqlens, nameof(cacheSeqlens));
        ArgumentCheck.OnDevice(q, plan.Device, nameof(q));
        ArgumentCheck.OnDevice(cache.Data, plan.Device, nameof(cache));
        ArgumentCheck.OnDevice(blockTable, plan.Device, nameof(blockTable));
        ArgumentCheck.OnDevice(cacheSeqlens, plan.Device, nameof(cacheSeqlens));
        var options = plan.Options;
        ValidateOutputs(
            plan.Device,
            output,
            [batch, options.QueryTokens, options.Shape.QueryHeads, options.Shape.ValueDim],
            logSumExp,
            [batch, options.Shape.QueryHeads, options.QueryTokens]
        );
        RequireSeparate(output, logSumExp, q, nameof(q));
        RequireSeparate(output, logSumExp, cache.Data, nameof(cache));
        RequireSeparate(output, logSumExp, blockTable, nameof(blockTable));
        RequireSeparate(output, logSumExp, cacheSeqlens, nameof(cacheSeqlens));
        if (plan.Device.IsCpu)
            ValidateBlockTable(cache, blockTable, cacheSeqlens);
    }

    private static void RequireSeparate(
        Tensor? output,
        Tensor<float>? logSumExp,
        Tensor input,
        string inputName
    )
    {
        ArgumentCheck.Separate(output, nameof(output), input, inputName);
        ArgumentCheck.Separate(logSumExp, nameof(logSumExp), input, inputName);
    }

    private static void ValidateOutputs(
        Device device,
        Tensor? output,
        Shape outputShape,
        Tensor<float>? logSumExp,
        Shape lseShape
    )
    {
        if (output is not null)
        {
            ArgumentCheck.Alive(output);
            ArgumentCheck.FloatType(output, nameof(output));
            ArgumentCheck.Shape(output, outputShape, nameof(output));
            ArgumentCheck.LastAxisContiguous(output, nameof(output));
            ArgumentCheck.NoRepetition(output, nameof(output));
            RequireOutputDevice(output, device, nameof(output));
        }
        if (logSumExp is not null)
        {
            ArgumentCheck.Alive(logSumExp);
            ArgumentCheck.Shape(logSumExp, lseShape, nameof(logSumExp));
            ArgumentCheck.NoRepetition(logSumExp, nameof(logSumExp));
            RequireOutputDevice(logSumExp, device, nameof(logSumExp));
            if (output is not null)
                ArgumentCheck.Separate(logSumExp, nameof(logSumExp), output, nameof(output));
        }
    }

    private static void RequireOutputDevice(Tensor tensor, Device device, string name)
    {
        if (tensor.Device != device)
            throw new ArgumentException(
                $"{name}: expected a tensor on {device}, got one on {tensor.Device}",
                name
            );
    }

    /// <summary>Checks what kernels will dereference, and nothing behind it.</summary>
    private static void ValidateBlockTable(
        in KvBlocks cache,
        Tensor<int> blockTable,
        Tensor<int> cacheSeqlens
    )
    {
        var page = cache.PageSize;
        var blocks = cache.BlockCount;
        var entries = blockTable.Shape[1];
        var stride = blockTable.Strides[0];
        for (var i = 0; i < cacheSeqlens.Shape[0]; i++)
        {
            var length = cacheSeqlens.DataPointer[i];
            if (length < 0)
                throw new ArgumentException(
                    $"cacheSeqlens[{i}]: expected a value >= 0, got {length}",
                    nameof(cacheSeqlens)
                );
            var needed = ((long)length + page - 1) / page;
            if (needed > entries)
                throw new ArgumentException(
                    $"cacheSeqlens[{i}]: {length} tokens need {needed} blocks of {page}, but blockTable has {entries} columns",
                    nameof(cacheSeqlens)
                );
            var row = blockTable.DataPointer + i * stride;
            for (var j = 0; j < needed; j++)
                if ((uint)row[j] >= (uint)blocks)
                    throw new ArgumentException(
                        $"blockTable[{i},{j}]: expected a block in [0,{blocks}), got {row[j]}",
                        nameof(blockTable)
                    );
        }
    }
}
