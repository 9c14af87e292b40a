// SPDX-License-Identifier: MIT
using System.Runtime.Intrinsics;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>
/// The few vector operations that the kernels need, one implementation per SIMD tier. Kernels are generic over
/// it; the JIT compiles each tier to straight code.
/// </summary>
internal unsafe interface ISimd<TVector>
    where TVector : struct
{
    /// <summary>Float lanes of a vector.</summary>
    static abstract int Count { get; }

    static abstract TVector Zero { get; }

    static abstract TVector Broadcast(float value);

    static abstract TVector Load(float* source);

    static abstract void Store(TVector value, float* destination);

    /// <summary>Loads 2·Count BFloat16 values and widens them: elements 0, 2, 4… and elements 1, 3, 5….</summary>
    static abstract void LoadPairs(ushort* source, out TVector even, out TVector odd);

    /// <summary>Loads Count FP8 E4M3 codes and widens them; exact, codes 0x7F and 0xFF become NaN.</summary>
    static abstract TVector LoadE4M3(byte* source);

    /// <summary>Stores Count values as BFloat16, rounding to nearest even; NaN becomes 0x7FFF.</summary>
    static abstract void StoreBFloat16(TVector value, ushort* destination);

    /// <summary>a·b + c, fused where the hardware can.</summary>
    static abstract TVector Fma(TVector a, TVector b, TVector c);

    static abstract TVector Add(TVector a, TVector b);

    static abstract TVector Subtract(TVector a, TVector b);

    static abstract TVector Multiply(TVector a, TVector b);

    /// <summary>Maximum; if <paramref name="b"/> is NaN the result is NaN.</summary>
    static abstract TVector Max(TVector a, TVector b);

    static abstract TVector Round(TVector value);

    /// <summary>2^n for integral n in [-127, 127]; 0 for -127.</summary>
    static abstract TVector Pow2(TVector integral);

    /// <summary>Sum of all lanes in a fixed order.</summary>
    static abstract float Sum(TVector value);

    static abstract float HorizontalMax(TVector value);

    /// <summary>The sums of four vectors.</summary>
    static abstract Vector128<float> Sum4(TVector a, TVector b, TVector c, TVector d);

    /// <summary>
    /// The sums of four vectors for each of four rows, four to a row. Together they need half the shuffles of four
    /// separate reductions.
    /// </summary>
    static abstract void StoreSums(
        in SimdRow<TVector> row0,
        in SimdRow<TVector> row1,
        in SimdRow<TVector> row2,
        in SimdRow<TVector> row3,
        float* destination,
        int stride
    );

    /// <summary>Asks for a cache line ahead of time, into the second-level cache.</summary>
    static abstract void Prefetch(void* address);
}

/// <summary>Four accumulators of one query row.</summary>
internal readonly struct SimdRow<TVector>(TVector a, TVector b, TVector c, TVector d)
    where TVector : struct
{
    public readonly TVector A = a;
    public readonly TVector B = b;
    public readonly TVector C = c;
    public readonly TVector D = d;
}
