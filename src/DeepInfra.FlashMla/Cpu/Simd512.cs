// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>512-bit vectors: <see cref="Core.Cpu.SimdTier.V512"/>.</summary>
internal readonly unsafe struct Simd512 : ISimd<Vector512<float>>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    public static int Count => 16;

    public static Vector512<float> Zero => Vector512<float>.Zero;

    [MethodImpl(Inline)]
    public static Vector512<float> Broadcast(float value) => Vector512.Create(value);

    [MethodImpl(Inline)]
    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    [MethodImpl(Inline)]
    public static void Store(Vector512<float> value, float* destination) =>
        value.Store(destination);

    [MethodImpl(Inline)]
    public static void LoadPairs(
        ushort* source,
        out Vector512<float> even,
        out Vector512<float> odd
    )
    {
        var pairs = Vector512.Load((uint*)source);
        even = (pairs << 16).AsSingle();
        odd = (pairs & Vector512.Create(0xFFFF0000u)).AsSingle();
    }

    [MethodImpl(Inline)]
    public static Vector512<float> LoadE4M3(byte* source)
    {
        var bytes = Vector128.Load(source);
        var (low, high) = Vector256.Widen(
            Vector256.Create(Vector128.WidenLower(bytes), Vector128.WidenUpper(bytes))
        );
        var codes = Vector512.Create(low, high);
        var magnitude = codes & Vector512.Create(0x7Fu);
        var value = (magnitude << 20).AsSingle() * Vector512.Create(SimdScalar.E4M3Rebias);
        var nan = Vector512.Equals(magnitude, Vector512.Create(0x7Fu));
        var sign = (codes & Vector512.Create(0x80u)) << 24;
        return (value.AsUInt32() | sign | nan).AsSingle();
    }

    [MethodImpl(Inline)]
    public static void StoreBFloat16(Vector512<float> value, ushort* destination)
    {
        var bits = RoundToUpperHalf(value);
        Vector256.Narrow(bits.GetLower(), bits.GetUpper()).Store(destination);
    }

    [MethodImpl(Inline)]
    public static Vector512<float> Fma(
        Vector512<float> a,
        Vector512<float> b,
        Vector512<float> c
    ) => Vector512.MultiplyAddEstimate(a, b, c);

    [MethodImpl(Inline)]
    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;

    [MethodImpl(Inline)]
    public static Vector512<float> Subtract(Vector512<float> a, Vector512<float> b) => a - b;

    [MethodImpl(Inline)]
    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;

    [MethodImpl(Inline)]
    public static Vector512<float> Max(Vector512<float> a, Vector512<float> b) =>
        Vector512.MaxNative(a, b);

    [MethodImpl(Inline)]
    public static Vector512<float> Round(Vector512<float> value) => Vector512.Round(value);

    [MethodImpl(Inline)]
    public static Vector512<float> Pow2(Vector512<float> integral) =>
        ((Vector512.ConvertToInt32Native(integral) + Vector512.Create(127)) << 23).AsSingle();

    [MethodImpl(Inline)]
    public static float Sum(Vector512<float> value) =>
        Simd256.Sum(value.GetLower() + value.GetUpper());

    [MethodImpl(Inline)]
    public static float HorizontalMax(Vector512<float> value) =>
        Simd256.HorizontalMax(Vector256.Max(value.GetLower(), value.GetUpper()));

    [MethodImpl(Inline)]
    public static Vector128<float> Sum4(
        Vector512<float> a,
        Vector512<float> b,
        Vector512<float> c,
        Vector512<float> d
    ) =>
        Simd256.Sum4(
            a.GetLower() + a.GetUpper(),
            b.GetLower() + b.GetUpper(),
            c.GetLower() + c.GetUpper(),
            d.GetLower() + d.GetUpper()
        );

    [MethodImpl(Inline)]
    public static void StoreSums(
        in SimdRow<Vector512<float>> row0,
        in SimdRow<Vector512<float>> row1,
        in SimdRow<Vector512<float>> row2,
        in SimdRow<Vector512<float>> row3,
        float* destination,
        int stride
    )
    {
        var rows01 = AddQuarters(SumLanes(row0), SumLanes(row1));
        var rows23 = AddQuarters(SumLanes(row2), SumLanes(row3));
        var sums = AddQuarters(rows01, rows23);
        sums.GetLower().GetLower().Store(destination);
        sums.GetLower().GetUpper().Store(destination + stride);
        sums.GetUpper().GetLower().Store(destination + 2 * stride);
        sums.GetUpper().GetUpper().Store(destination + 3 * stride);
    }

    /// <summary>Per 128-bit quarter: the sums of that quarter of A, B, C and D.</summary>
    [MethodImpl(Inline)]
    private static Vector512<float> SumLanes(in SimdRow<Vector512<float>> row)
    {
        var ab = Avx512F.UnpackLow(row.A, row.B) + Avx512F.UnpackHigh(row.A, row.B);
        var cd = Avx512F.UnpackLow(row.C, row.D) + Avx512F.UnpackHigh(row.C, row.D);
        return Avx512F.UnpackLow(ab.AsDouble(), cd.AsDouble()).AsSingle()
            + Avx512F.UnpackHigh(ab.AsDouble(), cd.AsDouble()).AsSingle();
    }

    /// <summary>Quarters x0+x1, x2+x3, y0+y1, y2+y3.</summary>
    [MethodImpl(Inline)]
    private static Vector512<float> AddQuarters(Vector512<float> x, Vector512<float> y) =>
        Avx512F.Shuffle4x128(x, y, 0b10_00_10_00) + Avx512F.Shuffle4x128(x, y, 0b11_01_11_01);

    [MethodImpl(Inline)]
    public static void Prefetch(void* address)
    {
        if (Sse.IsSupported)
            Sse.Prefetch1(address);
    }

    [MethodImpl(Inline)]
    private static Vector512<uint> RoundToUpperHalf(Vector512<float> value)
    {
        var bits = value.AsUInt32();
        var rounded =
            (bits + Vector512.Create(0x7FFFu) + ((bits >> 16) & Vector512<uint>.One)) >> 16;
        return Vector512.ConditionalSelect(
            Vector512.Equals(value, value).AsUInt32(),
            rounded,
            Vector512.Create(0x7FFFu)
        );
    }
}
