// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>256-bit vectors: <see cref="Core.Cpu.SimdTier.V256"/>.</summary>
internal readonly unsafe struct Simd256 : ISimd<Vector256<float>>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    public static int Count => 8;

    public static Vector256<float> Zero => Vector256<float>.Zero;

    [MethodImpl(Inline)]
    public static Vector256<float> Broadcast(float value) => Vector256.Create(value);

    [MethodImpl(Inline)]
    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    [MethodImpl(Inline)]
    public static void Store(Vector256<float> value, float* destination) =>
        value.Store(destination);

    [MethodImpl(Inline)]
    public static void LoadPairs(
        ushort* source,
        out Vector256<float> even,
        out Vector256<float> odd
    )
    {
        var pairs = Vector256.Load((uint*)source);
        even = (pairs << 16).AsSingle();
        odd = (pairs & Vector256.Create(0xFFFF0000u)).AsSingle();
    }

    [MethodImpl(Inline)]
    public static Vector256<float> LoadE4M3(byte* source)
    {
        var bytes = Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(ulong*)source).AsByte());
        var codes = Vector256.Create(Vector128.WidenLower(bytes), Vector128.WidenUpper(bytes));
        var magnitude = codes & Vector256.Create(0x7Fu);
        var value = (magnitude << 20).AsSingle() * Vector256.Create(SimdScalar.E4M3Rebias);
        var nan = Vector256.Equals(magnitude, Vector256.Create(0x7Fu));
        var sign = (codes & Vector256.Create(0x80u)) << 24;
        return (value.AsUInt32() | sign | nan).AsSingle();
    }

    [MethodImpl(Inline)]
    public static void StoreBFloat16(Vector256<float> value, ushort* destination)
    {
        var bits = RoundToUpperHalf(value);
        Vector128.Narrow(bits.GetLower(), bits.GetUpper()).Store(destination);
    }

    [MethodImpl(Inline)]
    public static Vector256<float> Fma(
        Vector256<float> a,
        Vector256<float> b,
        Vector256<float> c
    ) => Vector256.MultiplyAddEstimate(a, b, c);

    [MethodImpl(Inline)]
    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;

    [MethodImpl(Inline)]
    public static Vector256<float> Subtract(Vector256<float> a, Vector256<float> b) => a - b;

    [MethodImpl(Inline)]
    public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;

    [MethodImpl(Inline)]
    public static Vector256<float> Max(Vector256<float> a, Vector256<float> b) =>
        Vector256.MaxNative(a, b);

    [MethodImpl(Inline)]
    public static Vector256<float> Round(Vector256<float> value) => Vector256.Round(value);

    [MethodImpl(Inline)]
    public static Vector256<float> Pow2(Vector256<float> integral) =>
        ((Vector256.ConvertToInt32Native(integral) + Vector256.Create(127)) << 23).AsSingle();

    [MethodImpl(Inline)]
    public static float Sum(Vector256<float> value) =>
        Simd128.Sum(value.GetLower() + value.GetUpper());

    [MethodImpl(Inline)]
    public static float HorizontalMax(Vector256<float> value) =>
        Simd128.HorizontalMax(Vector128.Max(value.GetLower(), value.GetUpper()));

    [MethodImpl(Inline)]
    public static Vector128<float> Sum4(
        Vector256<float> a,
        Vector256<float> b,
        Vector256<float> c,
        Vector256<float> d
    ) =>
        Simd128.Sum4(
            a.GetLower() + a.GetUpper(),
            b.GetLower() + b.GetUpper(),
            c.GetLower() + c.GetUpper(),
            d.GetLower() + d.GetUpper()
        );

    [MethodImpl(Inline)]
    public static void StoreSums(
        in SimdRow<Vector256<float>> row0,
        in SimdRow<Vector256<float>> row1,
        in SimdRow<Vector256<float>> row2,
        in SimdRow<Vector256<float>> row3,
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
    private static Vector256<uint> RoundToUpperHalf(Vector256<float> value)
    {
        var bits = value.AsUInt32();
        var rounded =
            (bits + Vector256.Create(0x7FFFu) + ((bits >> 16) & Vector256<uint>.One)) >> 16;
        return Vector256.ConditionalSelect(
            Vector256.Equals(value, value).AsUInt32(),
            rounded,
            Vector256.Create(0x7FFFu)
        );
    }
}
