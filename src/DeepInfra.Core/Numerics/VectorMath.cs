// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;

namespace DeepInfra.Core.Numerics;

/// <summary>
/// Elementwise functions over spans, vectorised. A destination may be its source, but must not overlap it
/// otherwise. Results are the same at every SIMD tier of one machine; between machines they may differ in the last
/// bit where one lacks fused multiply-add. Thread-safe.
/// </summary>
public static class VectorMath
{
    /// <summary>2^x, within 2 ulp; -infinity gives 0.</summary>
    /// <param name="source">The arguments.</param>
    /// <param name="destination">At least as many elements.</param>
    /// <param name="tier">Widest SIMD to use; null is the process default.</param>
    /// <exception cref="ArgumentException">The destination is too short.</exception>
    public static void Exp2(
        ReadOnlySpan<float> source,
        Span<float> destination,
        SimdTier? tier = null
    ) => SpanMap.Run(new Exp2Map(), source, destination, tier);

    /// <summary>e^x, within 2 ulp; -infinity gives 0.</summary>
    /// <inheritdoc cref="Exp2"/>
    public static void Exp(
        ReadOnlySpan<float> source,
        Span<float> destination,
        SimdTier? tier = null
    ) => SpanMap.Run(new ExpMap(), source, destination, tier);

    /// <summary>The logistic function 1 / (1 + e^-x), within 4 ulp.</summary>
    /// <inheritdoc cref="Exp2"/>
    public static void Sigmoid(
        ReadOnlySpan<float> source,
        Span<float> destination,
        SimdTier? tier = null
    ) => SpanMap.Run(new SigmoidMap(), source, destination, tier);

    /// <summary>x / (1 + e^-x), also called swish, within 4 ulp.</summary>
    /// <inheritdoc cref="Exp2"/>
    public static void Silu(
        ReadOnlySpan<float> source,
        Span<float> destination,
        SimdTier? tier = null
    ) => SpanMap.Run(new SiluMap(), source, destination, tier);

    private readonly unsafe struct Exp2Map : ISpanMap<float, float>
    {
        public float Invoke(float value) => Exponential.Exp2(value);

        public void Invoke<S, VF, VU>(float* source, float* destination)
            where S : struct, ISimd<VF, VU>
            where VF : struct
            where VU : struct => S.Store(SimdMath<S, VF, VU>.Exp2(S.Load(source)), destination);
    }

    private readonly unsafe struct ExpMap : ISpanMap<float, float>
    {
        public float Invoke(float value) => Exponential.Exp(value);

        public void Invoke<S, VF, VU>(float* source, float* destination)
            where S : struct, ISimd<VF, VU>
            where VF : struct
            where VU : struct => S.Store(SimdMath<S, VF, VU>.Exp(S.Load(source)), destination);
    }

    private readonly unsafe struct SigmoidMap : ISpanMap<float, float>
    {
        public float Invoke(float value) => Exponential.Sigmoid(value);

        public void Invoke<S, VF, VU>(float* source, float* destination)
            where S : struct, ISimd<VF, VU>
            where VF : struct
            where VU : struct => S.Store(SimdMath<S, VF, VU>.Sigmoid(S.Load(source)), destination);
    }

    private readonly unsafe struct SiluMap : ISpanMap<float, float>
    {
        public float Invoke(float value) => Exponential.Silu(value);

        public void Invoke<S, VF, VU>(float* source, float* destination)
            where S : struct, ISimd<VF, VU>
            where VF : struct
            where VU : struct => S.Store(SimdMath<S, VF, VU>.Silu(S.Load(source)), destination);
    }
}
