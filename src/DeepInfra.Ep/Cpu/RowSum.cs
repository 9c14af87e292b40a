// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DeepInfra.Core;
using DeepInfra.Core.Cpu;

namespace DeepInfra.Ep.Cpu;

/// <summary>
/// Sums rows element by element in Float32, in the order given, starting from +0, and rounds once to the rows'
/// type (to nearest, ties to even; NaN becomes the canonical NaN in BFloat16). Every tier gives the same bits.
/// </summary>
internal static unsafe class RowSum
{
    /// <summary>True if rows of the type can be summed.</summary>
    public static bool Supports(DType type) =>
        type is DType.BFloat16 or DType.Float32 or DType.Float16;

    /// <summary>Sums <paramref name="count"/> rows; none gives zeros. Rows must not overlap the target.</summary>
    public static void Sum(
        DType type,
        SimdTier tier,
        byte* target,
        byte** rows,
        int count,
        int hidden
    )
    {
        switch (type)
        {
            case DType.BFloat16:
                SumBFloat16(tier, (ushort*)target, (ushort**)rows, count, hidden);
                break;
            case DType.Float32:
                SumFloat32(tier, (float*)target, (float**)rows, count, hidden);
                break;
            default:
                SumFloat16((Half*)target, (Half**)rows, count, hidden);
                break;
        }
    }

    private static void SumBFloat16(
        SimdTier tier,
        ushort* target,
        ushort** rows,
        int count,
        int hidden
    )
    {
        var i = 0;
        // A vector of codes is two vectors of floats: the odd codes masked in place, the even ones shifted up.
        if (tier >= SimdTier.V512)
        {
            var odd = Vector512.Create(0xFFFF0000u);
            for (; i <= hidden - 32; i += 32)
            {
                var low = Vector512<float>.Zero;
                var high = Vector512<float>.Zero;
                for (var row = 0; row < count; row++)
                {
                    var codes = Vector512.Load((uint*)(rows[row] + i));
                    low += (codes << 16).AsSingle();
                    high += (codes & odd).AsSingle();
                }
                var result = (Round(low) >>> 16) | (Round(high) & odd);
                result.Store((uint*)(target + i));
            }
        }
        if (tier >= SimdTier.V256)
        {
            var odd = Vector256.Create(0xFFFF0000u);
            for (; i <= hidden - 16; i += 16)
            {
                var low = Vector256<float>.Zero;
                var high = Vector256<float>.Zero;
                for (var row = 0; row < count; row++)
                {
                    var codes = Vector256.Load((uint*)(rows[row] + i));
                    low += (codes << 16).AsSingle();
                    high += (codes & odd).AsSingle();
                }
                var result = (Round(low) >>> 16) | (Round(high) & odd);
                result.Store((uint*)(target + i));
            }
        }
        if (tier >= SimdTier.V128)
        {
            var odd = Vector128.Create(0xFFFF0000u);
            for (; i <= hidden - 8; i += 8)
            {
                var low = Vector128<float>.Zero;
                var high = Vector128<float>.Zero;
                for (var row = 0; row < count; row++)
                {
                    var codes = Vector128.Load((uint*)(rows[row] + i));
                    low += (codes << 16).AsSingle();
                    high += (codes & odd).AsSingle();
                }
                var result = (Round(low) >>> 16) | (Round(high) & odd);
                result.Store((uint*)(target + i));
            }
        }
        for (; i < hidden; i++)
        {
            float sum = 0;
            for (var row = 0; row < count; row++)
                sum += (float)BFloat16.FromBits(rows[row][i]);
            target[i] = ((BFloat16)sum).Bits;
        }
    }

    // The rounded value sits in the upper half of each element; the lower half is left over.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Round(Vector512<float> value)
    {
        var bits = value.AsUInt32();
        var rounded = bits + Vector512.Create(0x7FFFu) + ((bits >>> 16) & Vector512.Create(1u));
        return Vector512.ConditionalSelect(
            Vector512.Equals(value, value).AsUInt32(),
            rounded,
            Vector512.Create(0x7FFF0000u)
        );
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Round(Vector256<float> value)
    {
        var bits = value.AsUInt32();
        var rounded = bits + Vector256.Create(0x7FFFu) + ((bits >>> 16) & Vector256.Create(1u));
        return Vector256.ConditionalSelect(
            Vector256.Equals(value, value).AsUInt32(),
            rounded,
            Vector256.Create(0x7FFF0000u)
        );
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<uint> Round(Vector128<float> value)
    {
        var bits = value.AsUInt32();
        var rounded = bits + Vector128.Create(0x7FFFu) + ((bits >>> 16) & Vector128.Create(1u));
        return Vector128.ConditionalSelect(
            Vector128.Equals(value, value).AsUInt32(),
            rounded,
            Vector128.Create(0x7FFF0000u)
        );
    }

    private static void SumFloat32(
        SimdTier tier,
        float* target,
        float** rows,
        int count,
        int hidden
    )
    {
        var i = 0;
        if (tier >= SimdTier.V512)
        {
            for (; i <= hidden - 16; i += 16)
            {
                var sum = Vector512<float>.Zero;
                for (var row = 0; row < count; row++)
                    sum += Vector512.Load(rows[row] + i);
                sum.Store(target + i);
            }
        }
        if (tier >= SimdTier.V256)
        {
            for (; i <= hidden - 8; i += 8)
            {
                var sum = Vector256<float>.Zero;
                for (var row = 0; row < count; row++)
                    sum += Vector256.Load(rows[row] + i);
                sum.Store(target + i);
            }
        }
        if (tier >= SimdTier.V128)
        {
            for (; i <= hidden - 4; i += 4)
            {
                var sum = Vector128<float>.Zero;
                for (var row = 0; row < count; row++)
                    sum += Vector128.Load(rows[row] + i);
                sum.Store(target + i);
            }
        }
        for (; i < hidden; i++)
        {
            float sum = 0;
            for (var row = 0; row < count; row++)
                sum += rows[row][i];
            target[i] = sum;
        }
    }

    private static void SumFloat16(Half* target, Half** rows, int count, int hidden)
    {
        for (var i = 0; i < hidden; i++)
        {
            float sum = 0;
            for (var row = 0; row < count; row++)
                sum += (float)rows[row][i];
            target[i] = (Half)sum;
        }
    }
}
