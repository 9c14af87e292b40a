// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DeepInfra.Fs.Wire;

/// <summary>Little-endian numbers on big-endian hosts.</summary>
internal static class ScalarBytes
{
    public static T ReadReversed<T>(ReadOnlySpan<byte> bytes)
        where T : unmanaged
    {
        Span<byte> reversed = stackalloc byte[8];
        reversed = reversed[..Unsafe.SizeOf<T>()];
        bytes.CopyTo(reversed);
        reversed.Reverse();
        return MemoryMarshal.Read<T>(reversed);
    }

    public static void WriteReversed<T>(Span<byte> destination, in T value)
        where T : unmanaged
    {
        MemoryMarshal.Write(destination, in value);
        destination[..Unsafe.SizeOf<T>()].Reverse();
    }
}
