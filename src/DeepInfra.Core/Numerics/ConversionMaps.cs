// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Numerics;

/// <summary>The elementwise conversions behind <see cref="NumberConvert"/>.</summary>
internal static unsafe class ConversionMaps
{
    public readonly struct FromBFloat16 : ISpanMap<BFloat16, float>
    {
        public float Invoke(BFloat16 value) => (float)value;

        public void Invoke<S, VF, VU>(BFloat16* source, float* destination)
            where S : struct, ISimd<VF, VU>
            where VF : struct
            where VU : struct =>
            S.Store(SimdCodec<S, VF, VU>.DecodeBFloat16(S.LoadWords((ushort*)source)), destination);
    }

    public readonly struct ToBFloat16 : ISpanMap<float, BFloat16>
    {
        public BFloat16 Invoke(float value) => (BFloat16)value;

        public void Invoke<S, VF, VU>(float* source, BFloat16* destination)
            where S : struct, ISimd<VF, VU>
            where VF : struct
            where VU : struct =>
            S.StoreWords(SimdCodec<S, VF, VU>.EncodeBFloat16(S.Load(source)), (ushort*)destination);
    }

    public readonly struct FromHalf : ISpanMap<Half, float>
    {
        public float Invoke(Half value) =>
            MiniFloat.DecodeHalf(BitConverter.HalfToUInt16Bits(value));

        public void Invoke<S, VF, VU>(Half* source, float* destination)
            where S : struct, ISimd<VF, VU>
            where VF : struct
            where VU : struct =>
            S.Store(SimdCodec<S, VF, VU>.DecodeHalf(S.LoadWords((ushort*)source)), destination);
    }

    public readonly struct ToHalf : ISpanMap<float, Half>
    {
        public Half Invoke(float value) =>
            BitConverter.UInt16BitsToHalf(MiniFloat.EncodeHalf(value));

        public void Invoke<S, VF, VU>(float* source, Half* destination)
            where S : struct, ISimd<VF, VU>
            where VF : struct
            where VU : struct =>
            S.StoreWords(SimdCodec<S, VF, VU>.EncodeHalf(S.Load(source)), (ushort*)destination);
    }

    public readonly struct FromE4M3 : ISpanMap<Float8E4M3, float>
    {
        public float Invoke(Float8E4M3 value) => (float)value;

        public void Invoke<S, VF, VU>(Float8E4M3* source, float* destination)
            where S : struct, ISimd<VF, VU>
            where VF : struct
            where VU : struct =>
            S.Store(SimdCodec<S, VF, VU>.DecodeE4M3(S.LoadBytes((byte*)source)), destination);
    }

    public readonly struct ToE4M3(OverflowMode overflow) : ISpanMap<float, Float8E4M3>
    {
        public Float8E4M3 Invoke(float value) => Float8E4M3.FromSingle(value, overflow);

        public void Invoke<S, VF, VU>(float* source, Float8E4M3* destination)
            where S : struct, ISimd<VF, VU>
            where VF : struct
            where VU : struct =>
            S.StoreBytes(
                SimdCodec<S, VF, VU>.EncodeE4M3(
                    S.Load(source),
                    S.Create(overflow == OverflowMode.SaturateFinite ? 0x7Eu : 0x7Fu)
                ),
                (byte*)destination
            );
    }

    public readonly struct BFloat16ToE4M3(OverflowMode overflow) : ISpanMap<BFloat16, Float8E4M3>
    {
        public Float8E4M3 Invoke(BFloat16 value) => Float8E4M3.FromSingle((float)value, overflow);

        public void Invoke<S, VF, VU>(BFloat16* source, Float8E4M3* destination)
            where S : struct, ISimd<VF, VU>
            where VF : struct
            where VU : struct =>
            S.StoreBytes(
                SimdCodec<S, VF, VU>.EncodeE4M3(
                    SimdCodec<S, VF, VU>.DecodeBFloat16(S.LoadWords((ushort*)source)),
                    S.Create(overflow == OverflowMode.SaturateFinite ? 0x7Eu : 0x7Fu)
                ),
                (byte*)destination
            );
    }

    public readonly struct E4M3ToBFloat16 : ISpanMap<Float8E4M3, BFloat16>
    {
        public BFloat16 Invoke(Float8E4M3 value) =>
            BFloat16.FromBits((ushort)(BitConverter.SingleToUInt32Bits((float)value) >> 16));

        public void Invoke<S, VF, VU>(Float8E4M3* source, BFloat16* destination)
            where S : struct, ISimd<VF, VU>
            where VF : struct
            where VU : struct =>
            S.StoreWords(
                S.ShiftRight(
                    S.AsUInt(SimdCodec<S, VF, VU>.DecodeE4M3(S.LoadBytes((byte*)source))),
                    16
                ),
                (ushort*)destination
            );
    }

    public readonly struct FromE5M2 : ISpanMap<Float8E5M2, float>
    {
        public float Invoke(Float8E5M2 value) => (float)value;

        public void Invoke<S, VF, VU>(Float8E5M2* source, float* destination)
            where S : struct, ISimd<VF, VU>
            where VF : struct
            where VU : struct =>
            S.Store(SimdCodec<S, VF, VU>.DecodeE5M2(S.LoadBytes((byte*)source)), destination);
    }

    public readonly struct ToE5M2(OverflowMode overflow) : ISpanMap<float, Float8E5M2>
    {
        public Float8E5M2 Invoke(float value) => Float8E5M2.FromSingle(value, overflow);

        public void Invoke<S, VF, VU>(float* source, Float8E5M2* destination)
            where S : struct, ISimd<VF, VU>
            where VF : struct
            where VU : struct =>
            S.StoreBytes(
                SimdCodec<S, VF, VU>.EncodeE5M2(
                    S.Load(source),
                    S.Create(overflow == OverflowMode.SaturateFinite ? 0x7Bu : 0x7Cu)
                ),
                (byte*)destination
            );
    }

    public readonly struct FromE8M0 : ISpanMap<Float8E8M0, float>
    {
        public float Invoke(Float8E8M0 value) => (float)value;

        public void Invoke<S, VF, VU>(Float8E8M0* source, float* destination)
            where S : struct, ISimd<VF, VU>
            where VF : struct
            where VU : struct =>
            S.Store(SimdCodec<S, VF, VU>.DecodeE8M0(S.LoadBytes((byte*)source)), destination);
    }

    public readonly struct ToE8M0 : ISpanMap<float, Float8E8M0>
    {
        public Float8E8M0 Invoke(float value) => Float8E8M0.ScaleCeil(value);

        public void Invoke<S, VF, VU>(float* source, Float8E8M0* destination)
            where S : struct, ISimd<VF, VU>
            where VF : struct
            where VU : struct =>
            S.StoreBytes(SimdCodec<S, VF, VU>.ScaleCeil(S.Load(source)), (byte*)destination);
    }

    public readonly struct RoundToE8M0(Ue8m0Rounding rounding, OverflowMode overflow)
        : ISpanMap<float, Float8E8M0>
    {
        public Float8E8M0 Invoke(float value) => Float8E8M0.FromSingle(value, rounding, overflow);

        public void Invoke<S, VF, VU>(float* source, Float8E8M0* destination)
            where S : struct, ISimd<VF, VU>
            where VF : struct
            where VU : struct =>
            S.StoreBytes(
                SimdCodec<S, VF, VU>.EncodeE8M0(
                    S.Load(source),
                    rounding == Ue8m0Rounding.RoundUp,
                    S.Create(overflow == OverflowMode.SaturateFinite ? 0xFEu : 0xFFu)
                ),
                (byte*)destination
            );
    }
}
