// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>One lane, no vector instructions: <see cref="Core.Cpu.SimdTier.Reference"/>.</summary>
internal readonly unsafe struct SimdScalar : ISimd<float>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    // 2^120: the difference of the exponent biases, 127 - 7.
    internal const float E4M3Rebias = 1.329227995784916e36f;

    public static int Count => 1;

    public static float Zero => 0;

    [MethodImpl(Inline)]
    public static float Broadcast(float value) => value;

    [MethodImpl(Inline)]
    public static float Load(float* source) => *source;

    [MethodImpl(Inline)]
    public static void Store(float value, float* destination) => *destination = value;

    [MethodImpl(Inline)]
    public static void LoadPairs(ushort* source, out float even, out float odd)
    {
        even = BitConverter.UInt32BitsToSingle((uint)source[0] << 16);
        odd = BitConverter.UInt32BitsToSingle((uint)source[1] << 16);
    }

    [MethodImpl(Inline)]
    public static float LoadE4M3(byte* source)
    {
        uint code = *source;
        if ((code & 0x7F) == 0x7F)
            return float.NaN;
        var magnitude = BitConverter.UInt32BitsToSingle((code & 0x7F) << 20) * E4M3Rebias;
        return (code & 0x80) == 0 ? magnitude : -magnitude;
    }

    [MethodImpl(Inline)]
    public static void StoreBFloat16(float value, ushort* destination) =>
        *destination = ((Core.BFloat16)value).Bits;

    [MethodImpl(Inline)]
    public static float Fma(float a, float b, float c) => a * b + c;

    [MethodImpl(Inline)]
    public static float Add(float a, float b) => a + b;

    [MethodImpl(Inline)]
    public static float Subtract(float a, float b) => a - b;

    [MethodImpl(Inline)]
    public static float Multiply(float a, float b) => a * b;

    [MethodImpl(Inline)]
    public static float Max(float a, float b) => a > b ? a : b;

    [MethodImpl(Inline)]
    public static float Round(float value) => MathF.Round(value);

    [MethodImpl(Inline)]
    public static float Pow2(float integral) =>
        BitConverter.Int32BitsToSingle(((int)integral + 127) << 23);

    [MethodImpl(Inline)]
    public static float Sum(float value) => value;

    [MethodImpl(Inline)]
    public static float HorizontalMax(float value) => value;

    [MethodImpl(Inline)]
    public static Vector128<float> Sum4(float a, float b, float c, float d) =>
        Vector128.Create(a, b, c, d);

    [MethodImpl(Inline)]
    public static void StoreSums(
        in SimdRow<float> row0,
        in SimdRow<float> row1,
        in SimdRow<float> row2,
        in SimdRow<float> row3,
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
    public static void Prefetch(void* address) { }
}
