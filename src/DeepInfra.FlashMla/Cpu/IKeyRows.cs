// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace DeepInfra.FlashMla.Cpu;

/// <summary>How the decode kernels read a key row: always two vectors at a time.</summary>
internal unsafe interface IKeyRows<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    /// <summary>True if a pair holds the even and the odd elements instead of two consecutive halves.</summary>
    static abstract bool Interleaved { get; }

    static abstract int ElementBytes { get; }

    /// <summary>Loads elements [column, column + 2·Count).</summary>
    static abstract void LoadPair(byte* row, int column, out TVector first, out TVector second);
}

/// <summary>Rows of BFloat16, widened while they are read.</summary>
internal readonly unsafe struct BFloat16Rows<TSimd, TVector> : IKeyRows<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    public static bool Interleaved => true;

    public static int ElementBytes => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadPair(byte* row, int column, out TVector first, out TVector second) =>
        TSimd.LoadPairs((ushort*)row + column, out first, out second);
}

/// <summary>Rows of float32: what other formats are converted to.</summary>
internal readonly unsafe struct FloatRows<TSimd, TVector> : IKeyRows<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : struct
{
    public static bool Interleaved => false;

    public static int ElementBytes => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void LoadPair(byte* row, int column, out TVector first, out TVector second)
    {
        first = TSimd.Load((float*)row + column);
        second = TSimd.Load((float*)row + column + TSimd.Count);
    }
}

/// <summary>A compile-time switch of the decode kernels.</summary>
internal interface ISwitch
{
    static abstract bool IsOn { get; }
}

internal readonly struct On : ISwitch
{
    public static bool IsOn => true;
}

internal readonly struct Off : ISwitch
{
    public static bool IsOn => false;
}
