// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>128-bit vectors: <see cref="Core.Cpu.SimdTier.V128"/>.</summary>
internal readonly unsafe struct Simd128 : ISimd<Vector128<float>>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    public static int Count => 4;

    public static Vector128<float> Zero => Vector128<float>.Zero;

    [MethodImpl(Inline)]
    public static Vector128<float> Broadcast(float value) => Vector128.Create(value);

    [MethodImpl(Inline)]
    public static Vector128<float> Load(float* source) => Vector128.Load(source);

    [MethodImpl(Inline)]
    public static void Store(Vector128<float> value, float* destination) =>
        value.Store(destination);

    [MethodImpl(Inline)]
    public static void LoadPairs(
        ushort* source,
        out Vector128<float> even,
        out Vector128<float> odd
    )
    {
        var pairs = Vector128.Load((uint*)source);
        even = (pairs << 16).AsSingle();
        odd = (pairs & Vector128.Create(0xFFFF0000u)).AsSingle();
    }

    [MethodImpl(Inline)]
    public static Vector128<float> LoadE4M3(byte* source)
    {
        var bytes = Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(uint*)source).AsByte());
        var codes = Vector128.WidenLower(bytes);
        var magnitude = codes & Vector128.Create(0x7Fu);
        var value = (magnitude << 20).AsSingle() * Vector128.Create(SimdScalar.E4M3Rebias);
        var nan = Vector128.Equals(magnitude, Vector128.Create(0x7Fu));
        var sign = (codes & Vector128.Create(0x80u)) << 24;
        return (value.AsUInt32() | sign | nan).AsSingle();
    }

    [MethodImpl(Inline)]
    public static void StoreBFloat16(Vector128<float> value, ushort* destination)
    {
        var bits = RoundToUpperHalf(value);
        Vector128.Narrow(bits, bits).GetLower().Store(destination);
    }

    [MethodImpl(Inline)]
    public static Vector128<float> Fma(
        Vector128<float> a,
        Vector128<float> b,
        Vector128<float> c
    ) => Vector128.MultiplyAddEstimate(a, b, c);

    [MethodImpl(Inline)]
    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;

    [MethodImpl(Inline)]
    public static Vector128<float> Subtract(Vector128<float> a, Vector128<float> b) => a - b;

    [MethodImpl(Inline)]
    public static Vector128<float> Multiply(Vector128<float> a, Vector128<float> b) => a * b;

    [MethodImpl(Inline)]
    public static Vector128<float> Max(Vector128<float> a, Vector128<float> b) =>
        Vector128.MaxNative(a, b);

    [MethodImpl(Inline)]
    public static Vector128<float> Round(Vector128<float> value) => Vector128.Round(value);

    [MethodImpl(Inline)]
    public static Vector128<float> Pow2(Vector128<float> integral) =>
        ((Vector128.ConvertToInt32Native(integral) + Vector128.Create(127)) << 23).AsSingle();

    [MethodImpl(Inline)]
    public static float Sum(Vector128<float> value) => Vector128.Sum(value);

    [MethodImpl(Inline)]
    public static float HorizontalMax(Vector128<float> value) =>
        MathF.Max(
            MathF.Max(value.GetElement(0), value.GetElement(1)),
            MathF.Max(value.GetElement(2), value.GetElement(3))
        );

    [MethodImpl(Inline)]
    public static Vector128<float> Sum4(
        Vector128<float> a,
        Vector128<float> b,
        Vector128<float> c,
        Vector128<float> d
    ) => Vector128.Create(Sum(a), Sum(b), Sum(c), Sum(d));

    [MethodImpl(Inline)]
    public static void StoreSums(
        in SimdRow<Vector128<float>> row0,
        in SimdRow<Vector128<float>> row1,
        in SimdRow<Vector128<float>> row2,
        in SimdRow<Vector128<float>> row3,
        float* destination,
        int stride
    )
    {
        Sum4(row0.A, row0.B, row0.C, row0.D).Store(destination);
        Sum4(row1.A, row1.B, row1.C, row1.D).Store(destination + stride);
        Sum4(row2.A, row2.B, row2.C, row2.D).Store(destination + 2 * stride);
        Sum4(row3.A, row3.B, row3.C, row3.D).Store(destination + 3 * stride);
    }

    [MethodImpl(Inline)]
    public static void Prefetch(void* address)
    {
        if (Sse.IsSupported)
            Sse.Prefetch1(address);
    }

    [MethodImpl(Inline)]
    private static Vector128<uint> RoundToUpperHalf(Vector128<float> value)
    {
        var bits = value.AsUInt32();
        var rounded =
            (bits + Vector128.Create(0x7FFFu) + ((bits >> 16) & Vector128<uint>.One)) >> 16;
        return Vector128.ConditionalSelect(
            Vector128.Equals(value, value).AsUInt32(),
            rounded,
            Vector128.Create(0x7FFFu)
        );
    }
}
