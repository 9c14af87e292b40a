// SPDX-License-Identifier: MIT
using System.Runtime.Intrinsics;
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.FlashMla.Cpu;

namespace DeepInfra.FlashMla;

public static unsafe partial class MlaAttention
{
    /// <summary>
    /// Attention of sequences of different lengths, packed one after another: the unabsorbed form of latent attention (192/128)
    /// and ordinary attention (128/128, or any dimensions). Several query heads may share a KV head.
    /// </summary>
    /// <param name="q">Queries <c>[Tq, h, D]</c>, BFloat16, Float16 or Float32, last axis contiguous.</param>
    /// <param name="k">Keys <c>[Tk, h_k, D]</c>; h is a multiple of h_k.</param>
    /// <param name="v">Values <c>[Tk, h_k, Dv]</c>.</param>
    /// <param name="cuSeqlensQ">Int32 <c>[b+1]</c>, contiguous, from 0, not decreasing, at most Tq: request i has query rows <c>[cu[i], cu[i+1])</c>.</param>
    /// <param name="cuSeqlensK">Int32 <c>[b+1]</c>: the same for key rows.</param>
    /// <param name="maxQ">At least the longest query sequence.</param>
    /// <param name="maxK">At least the longest key sequence.</param>
    /// <param name="causal">True: query i of a request sees keys <c>j &lt;= i + (length_k - length_q)</c>, so the last query sees all.</param>
    /// <param name="softmaxScale">Factor of the logits, any finite value; null means 1/sqrt(D).</param>
    /// <param name="output">Receives <c>[Tq, h, Dv]</c>; null allocates one of q's type. Rows without a visible key are 0.</param>
    /// <param name="logSumExp">Receives Float32 <c>[Tq, h]</c>, natural logarithm, any strides; null allocates. +infinity for rows without a visible key.</param>
    /// <param name="cpu">Threads and SIMD tier; null means the defaults.</param>
    /// <returns>The output and the log-sum-exp. Query rows outside every request are left as they are (0 if allocated here).</returns>
    /// <exception cref="ArgumentException">A type, shape, stride or offset is wrong.</exception>
    /// <exception cref="NotSupportedException">CUDA tensors.</exception>
    /// <remarks>Synchronous, thread-safe, allocates nothing but the results. The result does not depend on the number of threads.</remarks>
    public static AttentionState PrefillDense(
        Tensor q,
        Tensor k,
        Tensor v,
        Tensor<int> cuSeqlensQ,
        Tensor<int> cuSeqlensK,
        int maxQ,
        int maxK,
        bool causal,
        float? softmaxScale = null,
        Tensor? output = null,
        Tensor<float>? logSumExp = null,
        CpuBackendOptions? cpu = null
    )
    {
        ValidatePrefill(q, k, v, cuSeqlensQ, cuSeqlensK, maxQ, maxK, softmaxScale);
        Shape outputShape = [q.Shape[0], q.Shape[1], v.Shape[2]];
        ValidateOutputs(Device.Cpu, output, outputShape, logSumExp, [q.Shape[0], q.Shape[1]]);
        RequireSeparate(output, logSumExp, q, nameof(q));
        RequireSeparate(output, logSumExp, k, nameof(k));
        RequireSeparate(output, logSumExp, v, nameof(v));
        RequireSeparate(output, logSumExp, cuSeqlensQ, nameof(cuSeqlensQ));
        RequireSeparate(output, logSumExp, cuSeqlensK, nameof(cuSeqlensK));
        output ??= Tensor.Create(q.DType, outputShape);
        logSumExp ??= Tensor<float>.Create([q.Shape[0], q.Shape[1]]);
        cpu ??= CpuBackendOptions.Default;
        var requests = (int)cuSeqlensQ.Shape[0] - 1;
        using var tileStarts = KernelScratch.Rent(2 * sizeof(int) * (requests + 1L));
        var arguments = PrefillArgumentsOf(
            q,
            k,
            v,
            output,
            logSumExp,
            cuSeqlensQ,
            cuSeqlensK,
            (int*)tileStarts.Pointer,
            causal,
            softmaxScale
        );
        switch (cpu.Tier)
        {
            case SimdTier.V512:
                RunForward<Simd512, Vector512<float>>(arguments, cpu);
                break;
            case SimdTier.V256:
                RunForward<Simd256, Vector256<float>>(arguments, cpu);
                break;
            case SimdTier.V128:
                RunForward<Simd128, Vector128<float>>(arguments, cpu);
                break;
            default:
                RunForward<SimdScalar, float>(arguments, cpu);
                break;
        }
        FlashMlaMeter.Count(FlashMlaMeter.PrefillForward, k.Shape[0]);
        KeepAlive(q, k, v, cuSeqlensQ, cuSeqlensK);
        GC.KeepAlive(output);
        GC.KeepAlive(logSumExp);
        return new AttentionState(output, logSumExp, LogSumExpBase.Natural);
    }

    /// <summary>Gradients of <see cref="PrefillDense"/>; deterministic. With grouped heads the key and value gradients are summed over the group.</summary>
    /// <param name="gradOut">Gradient of the output <c>[Tq, h, Dv]</c>, BFloat16, Float16 or Float32, last axis contiguous.</param>
    /// <param name="q">The queries of the forward call.</param>
    /// <param name="k">The keys of the forward call.</param>
    /// <param name="v">The values of the forward call.</param>
    /// <param name="output">The output of the forward call.</param>
    /// <param name="logSumExp">The log-sum-exp of the forward call, natural logarithm.</param>
    /// <param name="cuSeqlensQ">As in the forward call.</param>
    /// <param name="cuSeqlensK">As in the forward call.</param>
    /// <param name="maxQ">As in the forward call.</param>
    /// <param name="maxK">As in the forward call.</param>
    /// <param name="causal">As in the forward call.</param>
    /// <param name="softmaxScale">As in the forward call.</param>
    /// <param name="gradQuery">Receives <c>[Tq, h, D]</c>; null allocates one of q's type.</param>
    /// <param name="gradKey">Receives <c>[Tk, h_k, D]</c>; null allocates one of k's type.</param>
    /// <param name="gradValue">Receives <c>[Tk, h_k, Dv]</c>; null allocates one of v's type.</param>
    /// <param name="cpu">Threads and SIMD tier; null means the defaults.</param>
    /// <returns>The gradients; rows without a visible partner are 0.</returns>
    /// <exception cref="ArgumentException">A type, shape, stride or offset is wrong.</exception>
    /// <exception cref="NotSupportedException">CUDA tensors.</exception>
    public static PrefillGradients PrefillDenseBackward(
        Tensor gradOut,
        Tensor q,
        Tensor k,
        Tensor v,
        Tensor output,
        Tensor<float> logSumExp,
        Tensor<int> cuSeqlensQ,
        Tensor<int> cuSeqlensK,
        int maxQ,
        int maxK,
        bool causal,
        float? softmaxScale = null,
        Tensor? gradQuery = null,
        Tensor? gradKey = null,
        Tensor? gradValue = null,
        CpuBackendOptions? cpu = null
    )
    {
        var longestQuery = ValidatePrefill(
            q,
            k,
            v,
            cuSeqlensQ,
            cuSeqlensK,
            maxQ,
            maxK,
            softmaxScale
        );
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(logSumExp);
        Shape outputShape = [q.Shape[0], q.Shape[1], v.Shape[2]];
        ValidateOutputs(Device.Cpu, output, outputShape, logSumExp, [q.Shape[0], q.Shape[1]]);
        ArgumentCheck.Alive(gradOut);
        ValidateHeadRows(gradOut, outputShape, nameof(gradOut));
        ReadOnlySpan<(Tensor Tensor, string Name)> inputs =
        [
            (gradOut, nameof(gradOut)),
            (q, nameof(q)),
            (k, nameof(k)),
            (v, nameof(v)),
            (output, nameof(output)),
            (logSumExp, nameof(logSumExp)),
            (cuSeqlensQ, nameof(cuSeqlensQ)),
            (cuSeqlensK, nameof(cuSeqlensK)),
        ];
        ValidateGradient(gradQuery, q.Shape, inputs, nameof(gradQuery));
        ValidateGradient(gradKey, k.Shape, inputs, nameof(gradKey));
        ValidateGradient(gradValue, v.Shape, inputs, nameof(gradValue));
        if (gradQuery is not null)
        {
            ArgumentCheck.Separate(gradKey, nameof(gradKey), gradQuery, nameof(gradQuery));
            ArgumentCheck.Separate(gradValue, nameof(gradValue), gradQuery, nameof(gradQuery));
        }
        if (gradKey is not null)
            ArgumentCheck.Separate(gradValue, nameof(gradValue), gradKey, nameof(gradKey));
        gradQuery ??= Tensor.Create(q.DType, q.Shape);
        gradKey ??= Tensor.Create(k.DType, k.Shape);
        gradValue ??= Tensor.Create(v.DType, v.Shape);
        cpu ??= CpuBackendOptions.Default;
        var requests = (int)cuSeqlensQ.Shape[0] - 1;
        using var tileStarts = KernelScratch.Rent(2 * sizeof(int) * (requests + 1L));
        var arguments = PrefillArgumentsOf(
            q,
            k,
            v,
            output,
            logSumExp,
            cuSeqlensQ,
            cuSeqlensK,
            (int*)tileStarts.Pointer,
            causal,
            softmaxScale
        );
        var gradients = new PrefillGradients(gradQuery, gradKey, gradValue);
        switch (cpu.Tier)
        {
            case SimdTier.V512:
                RunBackward<Simd512, Vector512<float>>(
                    arguments,
                    gradOut,
                    gradients,
                    longestQuery,
                    cpu
                );
                break;
            case SimdTier.V256:
                RunBackward<Simd256, Vector256<float>>(
                    arguments,
                    gradOut,
                    gradients,
                    longestQuery,
                    cpu
                );
                break;
            case SimdTier.V128:
                RunBackward<Simd128, Vector128<float>>(
                    arguments,
                    gradOut,
                    gradients,
                    longestQuery,
                    cpu
                );
                break;
            default:
                RunBackward<SimdScalar, float>(arguments, gradOut, gradients, longestQuery, cpu);
                break;
        }
        FlashMlaMeter.Count(FlashMlaMeter.PrefillBackward, k.Shape[0]);
        KeepAlive(q, k, v, cuSeqlensQ, cuSeqlensK);
        GC.KeepAlive(gradOut);
        GC.KeepAlive(output);
        GC.KeepAlive(logSumExp);
        GC.KeepAlive(gradQuery);
        GC.KeepAlive(gradKey);
        GC.KeepAlive(gradValue);
        return gradients;
    }

    private static void RunForward<TSimd, TVector>(
        in PrefillArguments arguments,
        CpuBackendOptions cpu
    )
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        var work = new PrefillForwardWork<TSimd, TVector> { Arguments = arguments };
        CpuParallel.Run(work.ItemCount, ref work, cpu.MaxDegreeOfParallelism);
    }

    private static void RunBackward<TSimd, TVector>(
        in PrefillArguments arguments,
        Tensor gradOut,
        in PrefillGradients gradients,
        int longestQuery,
        CpuBackendOptions cpu
    )
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        var work = new PrefillBackwardWork<TSimd, TVector>
        {
            Arguments = arguments,
            GradOut = new HeadRows(gradOut),
            GradQuery = new HeadRows(gradients.Query),
            GradKey = new HeadRows(gradients.Key),
            GradValue = new HeadRows(gradients.Value),
        };
        var threads = cpu.MaxDegreeOfParallelism;
        if (!NeedsTwoPasses(work.ItemCount, threads) && !IsTooLong(arguments, longestQuery))
        {
            CpuParallel.Run(work.ItemCount, ref work, threads);
            return;
        }
        work.Pass = BackwardPass.Keys;
        CpuParallel.Run(work.ItemCount, ref work, threads);
        work.Pass = BackwardPass.Queries;
        CpuParallel.Run(work.ItemCount, ref work, threads);
    }

    /// <summary>Two passes cost seven products instead of five, but leave no thread without work.</summary>
    private static bool NeedsTwoPasses(int items, int threads) =>
        items > 0 && 5L * ((items + (long)threads - 1) / threads) * threads > 7L * items;

    /// <summary>One pass holds the query gradients of a whole request and group in the memory of each thread.</summary>
    private static bool IsTooLong(in PrefillArguments arguments, int queries) =>
        (long)queries * arguments.GroupSize * arguments.HeadStride * sizeof(float) > 128 << 20;

    private static PrefillArguments PrefillArgumentsOf(
        Tensor q,
        Tensor k,
        Tensor v,
        Tensor output,
        Tensor<float> logSumExp,
        Tensor<int> cuSeqlensQ,
        Tensor<int> cuSeqlensK,
        int* tileStarts,
        bool causal,
        float? softmaxScale
    )
    {
        var batch = (int)cuSeqlensQ.Shape[0] - 1;
        var (queryHeads, kvHeads) = ((int)q.Shape[1], (int)k.Shape[1]);
        return new()
        {
            Query = new HeadRows(q),
            Key = new HeadRows(k),
            Value = new HeadRows(v),
            Out = new HeadRows(output),
            LogSumExp = logSumExp.DataPointer,
            LseTokenStride = logSumExp.Strides[0],
            LseHeadStride = logSumExp.Strides[1],
            QueryOffsets = cuSeqlensQ.DataPointer,
            KeyOffsets = cuSeqlensK.DataPointer,
            Batch = batch,
            QueryHeads = queryHeads,
            KvHeads = kvHeads,
            HeadDim = (int)q.Shape[2],
            ValueDim = (int)v.Shape[2],
            QueryTiles = new(cuSeqlensQ.DataPointer, batch, queryHeads, tileStarts),
            KeyTiles = new(cuSeqlensK.DataPointer, batch, kvHeads, tileStarts + batch + 1),
            Scale = softmaxScale ?? (float)(1 / Math.Sqrt(q.Shape[2])),
            Causal = causal,
        };
    }

    /// <returns>The length of the longest query sequence, which may be shorter than the caller's limit.</returns>
    private static int ValidatePrefill(
        Tensor q,
        Tensor k,
        Tensor v,
        Tensor<int> cuSeqlensQ,
        Tensor<int> cuSeqlensK,
        int maxQ,
        int maxK,
        float? softmaxScale
    )
    {
        ArgumentCheck.Alive(q);
        ArgumentCheck.Alive(k);
        ArgumentCheck.Alive(v);
        ArgumentCheck.Alive(cuSeqlensQ);
        ArgumentCheck.Alive(cuSeqlensK);
        ArgumentCheck.FloatType(q, nameof(q));
        ArgumentCheck.FloatType(k, nameof(k));
        ArgumentCheck.FloatType(v, nameof(v));
        ArgumentCheck.Rank(q, 3, "[Tq, h, D]", nameof(q));
        ArgumentCheck.Rank(k, 3, "[Tk, h_k, D]", nameof(k));
        ArgumentCheck.Rank(v, 3, "[Tk, h_k, Dv]", nameof(v));
        if (q.Shape[1] < 1 || k.Shape[1] < 1 || q.Shape[1] % k.Shape[1] != 0)
            throw new ArgumentException(
                $"k: expected a head count that divides q's {q.Shape[1]}, got {k.Shape[1]}",
                nameof(k)
            );
        if (q.Shape[1] > int.MaxValue)
            throw new ArgumentException(
                $"q: expected at most 2^31-1 heads, got {q.Shape}",
                nameof(q)
            );
        RequireRowLength(q, nameof(q));
        RequireRowLength(v, nameof(v));
        ValidateHeadRows(q, q.Shape, nameof(q));
        ValidateHeadRows(k, [k.Shape[0], k.Shape[1], q.Shape[2]], nameof(k));
        ValidateHeadRows(v, [k.Shape[0], k.Shape[1], v.Shape[2]], nameof(v));
        ArgumentCheck.Rank(cuSeqlensQ, 1, "[b + 1]", nameof(cuSeqlensQ));
        ArgumentCheck.Shape(cuSeqlensK, cuSeqlensQ.Shape, nameof(cuSeqlensK));
        if (cuSeqlensQ.Shape[0] < 1)
            throw new ArgumentException(
                "cuSeqlensQ: expected [b + 1] with at least one offset, got [0]",
                nameof(cuSeqlensQ)
            );
        if (cuSeqlensQ.Shape[0] > int.MaxValue)
            throw new ArgumentException(
                $"cuSeqlensQ: expected at most 2^31-1 offsets, got {cuSeqlensQ.Shape}",
                nameof(cuSeqlensQ)
            );
        var longestQ = ValidateOffsets(
            cuSeqlensQ,
            q.Shape[0],
            maxQ,
            nameof(cuSeqlensQ),
            nameof(maxQ)
        );
        ValidateOffsets(cuSeqlensK, k.Shape[0], maxK, nameof(cuSeqlensK), nameof(maxK));
        if (softmaxScale is { } scale && !float.IsFinite(scale))
            throw new ArgumentOutOfRangeException(
                nameof(softmaxScale),
                $"softmaxScale: expected a finite value, got {scale}"
            );
        return longestQ;
    }

    private static void ValidateGradient(
        Tensor? gradient,
        Shape shape,
        ReadOnlySpan<(Tensor Tensor, string Name)> inputs,
        string name
    )
    {
        if (gradient is null)
            return;
        ValidateHeadRows(gradient, shape, name);
        ArgumentCheck.NoRepetition(gradient, name);
        foreach (var (input, inputName) in inputs)
            ArgumentCheck.Separate(gradient, name, input, inputName);
    }

    private static void RequireRowLength(Tensor tensor, string name)
    {
        if (tensor.Shape[-1] is < 1 or > MlaShape.MaxDim)
            throw new ArgumentException(
                $"{name}: expected 1 to {MlaShape.MaxDim} elements per head, got {tensor.Shape}",
                name
            );
    }

    private static void ValidateHeadRows(Tensor tensor, Shape shape, string name)
    {
        ArgumentCheck.Alive(tensor, name);
        ArgumentCheck.FloatType(tensor, name);
        ArgumentCheck.Shape(tensor, shape, name);
        ArgumentCheck.LastAxisContiguous(tensor, name);
        ArgumentCheck.OnCpu(tensor, name);
    }

    private static int ValidateOffsets(
        Tensor<int> offsets,
        long rows,
        int max,
        string name,
        string maxName
    )
    {
        ArgumentCheck.LastAxisContiguous(offsets, name);
        ArgumentCheck.OnCpu(offsets, name);
        ArgumentOutOfRangeException.ThrowIfNegative(max, maxName);
        var values = offsets.DataPointer;
        var longest = 0;
        if (values[0] != 0)
            throw new ArgumentException($"{name}[0]: expected 0, got {values[0]}", name);
        for (long i = 1; i < offsets.Shape[0]; i++)
        {
            if (values[i] < values[i - 1] || values[i] > rows)
                throw new ArgumentException(
                    $"{name}[{i}]: expected a value in [{values[i - 1]},{rows}], got {values[i]}",
                    name
                );
            if (values[i] - values[i - 1] > max)
                throw new ArgumentException(
                    $"{maxName}: expected at least {values[i] - values[i - 1]}, the length of request {i - 1}, got {max}",
                    maxName
                );
            longest = Math.Max(longest, values[i] - values[i - 1]);
        }
        return longest;
    }

    private static void KeepAlive(
        Tensor q,
        Tensor k,
        Tensor v,
        Tensor cuSeqlensQ,
        Tensor cuSeqlensK
    )
    {
        GC.KeepAlive(q);
        GC.KeepAlive(k);
        GC.KeepAlive(v);
        GC.KeepAlive(cuSeqlensQ);
        GC.KeepAlive(cuSeqlensK);
    }
}
