// SPDX-License-Identifier: MIT
using System.Runtime.Intrinsics;
using DeepInfra.Core;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>Reads one cache row in any format as float32. Every value is exact: rows hold BFloat16 or Half values.</summary>
internal static unsafe class KvRows
{
    public static void Read(
        byte* block,
        int slot,
        int pageSize,
        KvCacheFormat format,
        long rowOffset,
        int headDim,
        float* destination,
        ushort* scratch
    )
    {
        switch (format)
        {
            case KvCacheFormat.BFloat16:
                RowConvert.WidenBFloat16((ushort*)(block + rowOffset), destination, headDim);
                return;
            case KvCacheFormat.Float16:
                RowConvert.ToFloat(DType.Float16, block + rowOffset, destination, headDim);
                return;
            case KvCacheFormat.Fp8V32:
                if (Vector512.IsHardwareAccelerated)
                    Fp8Rows.DecodeV32<Simd512, Vector512<float>>(
                        block + (long)slot * KvLayout.V32RowBytes,
                        scratch
                    );
                else if (Vector256.IsHardwareAccelerated)
                    Fp8Rows.DecodeV32<Simd256, Vector256<float>>(
                        block + (long)slot * KvLayout.V32RowBytes,
                        scratch
                    );
                else
                    Fp8Rows.DecodeV32<SimdScalar, float>(
                        block + (long)slot * KvLayout.V32RowBytes,
                        scratch
                    );
                break;
            default:
                var row = block + (long)KvLayout.Model1DataBytes * slot;
                var scales =
                    block
                    + (long)KvLayout.Model1DataBytes * pageSize
                    + (long)KvLayout.Model1ScaleBytes * slot;
                if (Vector512.IsHardwareAccelerated)
                    Fp8Rows.DecodeModel1<Simd512, Vector512<float>>(row, scales, scratch);
                else if (Vector256.IsHardwareAccelerated)
                    Fp8Rows.DecodeModel1<Simd256, Vector256<float>>(row, scales, scratch);
                else
                    Fp8Rows.DecodeModel1<SimdScalar, float>(row, scales, scratch);
                break;
        }
        RowConvert.WidenBFloat16(scratch, destination, headDim);
    }
}
