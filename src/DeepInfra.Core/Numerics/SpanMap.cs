// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DeepInfra.Core.Cpu;

namespace DeepInfra.Core.Numerics;

/// <summary>Applies an <see cref="ISpanMap{TIn,TOut}"/> to spans at a tier.</summary>
internal static unsafe class SpanMap
{
    /// <summary>The tier to run: the requested one, or the process default, never above the hardware.</summary>
    public static SimdTier Resolve(SimdTier? tier) =>
        tier is not { } requested ? CpuBackendOptions.Default.Tier
        : requested < CpuBackendOptions.HardwareTier ? requested
        : CpuBackendOptions.HardwareTier;

    /// <summary>Maps every source element; the destination has at least as many.</summary>
    public static void Run<TMap, TIn, TOut>(
        TMap map,
        ReadOnlySpan<TIn> source,
        Span<TOut> destination,
        SimdTier? tier
    )
        where TMap : struct, ISpanMap<TIn, TOut>
        where TIn : unmanaged
        where TOut : unmanaged
    {
        CheckLength(source.Length, destination.Length);
        fixed (TIn* from = source)
        fixed (TOut* to = destination)
        {
            var done = Resolve(tier) switch
            {
                SimdTier.V512 => Loop<TMap, TIn, TOut, Simd512, Vector512<float>, Vector512<uint>>(
                    map,
                    from,
                    to,
                    source.Length
                ),
                SimdTier.V256 => Loop<TMap, TIn, TOut, Simd256, Vector256<float>, Vector256<uint>>(
                    map,
                    from,
                    to,
                    source.Length
                ),
                SimdTier.V128 => Loop<TMap, TIn, TOut, Simd128, Vector128<float>, Vector128<uint>>(
                    map,
                    from,
                    to,
                    source.Length
                ),
                _ => 0,
            };
            for (; done < source.Length; done++)
                to[done] = map.Invoke(from[done]);
        }
    }

    public static void CheckLength(int required, int actual, string paramName = "destination")
    {
        if (actual < required)
            throw new ArgumentException(
                $"{paramName}: expected at least {required} elements, got {actual}",
                paramName
            );
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Loop<TMap, TIn, TOut, S, VF, VU>(TMap map, TIn* from, TOut* to, int length)
        where TMap : struct, ISpanMap<TIn, TOut>
        where TIn : unmanaged
        where TOut : unmanaged
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct
    {
        var i = 0;
        for (; i <= length - S.Count; i += S.Count)
            map.Invoke<S, VF, VU>(from + i, to + i);
        return i;
    }
}
