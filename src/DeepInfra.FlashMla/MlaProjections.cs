// SPDX-License-Identifier: MIT
using System.Runtime.Intrinsics;
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.FlashMla.Cpu;

namespace DeepInfra.FlashMla;

/// <summary>
/// The per-head projections around absorbed attention. With a latent c of a token and per head W_UK and W_UV, the
/// unabsorbed key is W_UK·c and the value c·W_UV; folding W_UK into the query and W_UV into the output lets all heads attend to the
/// one latent. A convenience for the CPU: batched per-head products in float32. Thread-safe.
/// </summary>
public static class MlaProjections
{
    /// <summary>Makes absorbed queries: <c>[q_nope·W_UK | q_rope]</c>.</summary>
    /// <param name="q">Queries <c>[T, h, N + R]</c>, BFloat16, Float16 or Float32, last axis contiguous.</param>
    /// <param name="upKey">W_UK <c>[h, N, L]</c>, last axis contiguous.</param>
    /// <param name="output">Receives <c>[T, h, L + R]</c>; null allocates one of q's type.</param>
    /// <param name="cpu">Threads and SIMD tier; null means the defaults.</param>
    /// <exception cref="ArgumentException">A type, shape or stride is wrong.</exception>
    /// <exception cref="NotSupportedException">CUDA tensors.</exception>
    public static Tensor AbsorbQuery(
        Tensor q,
        Tensor upKey,
        Tensor? output = null,
        CpuBackendOptions? cpu = null
    )
    {
        Validate(q, upKey, nameof(q), nameof(upKey));
        var (plain, latent) = (upKey.Shape[1], upKey.Shape[2]);
        var rope = q.Shape[2] - plain;
        if (rope < 0)
            throw new ArgumentException(
                $"q: expected at least {plain} columns as upKey has rows, got {q.Shape}",
                nameof(q)
            );
        output = PrepareOutput(output, q, upKey, latent + rope, nameof(q), nameof(upKey));
        Run(q, upKey, output, (int)rope, cpu ?? CpuBackendOptions.Default);
        return output;
    }

    /// <summary>Makes head outputs from absorbed attention results: <c>o·W_UV</c>.</summary>
    /// <param name="attention">Attention output <c>[T, h, L]</c>, BFloat16, Float16 or Float32, last axis contiguous.</param>
    /// <param name="upValue">W_UV <c>[h, L, Dv]</c>, last axis contiguous.</param>
    /// <param name="output">Receives <c>[T, h, Dv]</c>; null allocates one of attention's type.</param>
    /// <param name="cpu">Threads and SIMD tier; null means the defaults.</param>
    /// <exception cref="ArgumentException">A type, shape or stride is wrong.</exception>
    /// <exception cref="NotSupportedException">CUDA tensors.</exception>
    public static Tensor ExpandOutput(
        Tensor attention,
        Tensor upValue,
        Tensor? output = null,
        CpuBackendOptions? cpu = null
    )
    {
        Validate(attention, upValue, nameof(attention), nameof(upValue));
        if (attention.Shape[2] != upValue.Shape[1])
            throw new ArgumentException(
                $"attention: expected {upValue.Shape[1]} columns as upValue has rows, got {attention.Shape}",
                nameof(attention)
            );
        output = PrepareOutput(
            output,
            attention,
            upValue,
            upValue.Shape[2],
            nameof(attention),
            nameof(upValue)
        );
        Run(attention, upValue, output, 0, cpu ?? CpuBackendOptions.Default);
        return output;
    }

    private static void Run(
        Tensor rows,
        Tensor weights,
        Tensor output,
        int tail,
        CpuBackendOptions cpu
    )
    {
        switch (cpu.Tier)
        {
            case SimdTier.V512:
                Run<Simd512, Vector512<float>>(rows, weights, output, tail, cpu);
                break;
            case SimdTier.V256:
                Run<Simd256, Vector256<float>>(rows, weights, output, tail, cpu);
                break;
            case SimdTier.V128:
                Run<Simd128, Vector128<float>>(rows, weights, output, tail, cpu);
                break;
            default:
                Run<SimdScalar, float>(rows, weights, output, tail, cpu);
                break;
        }
        GC.KeepAlive(rows);
        GC.KeepAlive(weights);
        GC.KeepAlive(output);
    }

    private static void Run<TSimd, TVector>(
        Tensor rows,
        Tensor weights,
        Tensor output,
        int tail,
        CpuBackendOptions cpu
    )
        where TSimd : struct, ISimd<TVector>
        where TVector : struct
    {
        var work = new HeadProductWork<TSimd, TVector>
        {
            Rows = new HeadRows(rows),
            // Weights [h, K, N] are read as rows: token = K, head = h.
            Weights = new HeadRows(weights.AsTransposed(0, 1)),
            Output = new HeadRows(output),
            Tokens = rows.Shape[0],
            Heads = (int)rows.Shape[1],
            Terms = (int)weights.Shape[1],
            Columns = (int)weights.Shape[2],
            Tail = tail,
        };
        CpuParallel.Run(work.ItemCount, ref work, cpu.MaxDegreeOfParallelism);
    }

    private static Tensor PrepareOutput(
        Tensor? output,
        Tensor rows,
        Tensor weights,
        long columns,
        string rowsName,
        string weightsName
    )
    {
        Shape shape = [rows.Shape[0], rows.Shape[1], columns];
        output ??= Tensor.Create(rows.DType, shape, zeroed: false);
        ArgumentCheck.Alive(output);
        ArgumentCheck.FloatType(output, nameof(output));
        ArgumentCheck.Shape(output, shape, nameof(output));
        ArgumentCheck.LastAxisContiguous(output, nameof(output));
        ArgumentCheck.NoRepetition(output, nameof(output));
        ArgumentCheck.OnCpu(output, nameof(output));
        ArgumentCheck.Separate(output, nameof(output), rows, rowsName);
        ArgumentCheck.Separate(output, nameof(output), weights, weightsName);
        return output;
    }

    private static void Validate(Tensor rows, Tensor weights, string rowsName, string weightsName)
    {
        ArgumentCheck.Alive(rows, rowsName);
        ArgumentCheck.Alive(weights, weightsName);
        ArgumentCheck.FloatType(rows, rowsName);
        ArgumentCheck.FloatType(weights, weightsName);
        ArgumentCheck.Rank(rows, 3, "[T, h, D]", rowsName);
        ArgumentCheck.Rank(weights, 3, "[h, K, N]", weightsName);
        ArgumentCheck.Shape(weights, weights.Shape.With(0, rows.Shape[1]), weightsName);
        ArgumentCheck.LastAxisContiguous(rows, rowsName);
        ArgumentCheck.LastAxisContiguous(weights, weightsName);
        ArgumentCheck.OnCpu(rows, rowsName);
        ArgumentCheck.OnCpu(weights, weightsName);
    }
}
