// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.Core.Interop;

/// <summary>The version check of a native library before its first call.</summary>
internal static unsafe class NativeAbi
{
    /// <summary>Loads a library and checks that it speaks our version of its interface.</summary>
    /// <param name="name">The name without prefix and suffix.</param>
    /// <param name="area">The area in the names of its functions.</param>
    /// <param name="version">The version the bindings were generated for, (major &lt;&lt; 16) | minor.</param>
    /// <param name="remedy">What to do if it is missing.</param>
    /// <exception cref="NativeLibraryNotFoundException">It is nowhere, or cannot be loaded.</exception>
    /// <exception cref="NativeAbiMismatchException">It is another version, or not ours at all.</exception>
    public static LoadedLibrary Load(string name, string area, uint version, string remedy)
    {
        var library = NativeLibraryProbe.Load(name, remedy);
        if (!NativeLibrary.TryGetExport(library.Handle, $"di_{area}_abi_version", out var entry))
            throw new NativeAbiMismatchException(
                $"{library.Path} is no DeepInfra library: it has no di_{area}_abi_version."
            );
        var actual = ((delegate* unmanaged[Cdecl]<uint>)entry)();
        if (!IsCompatible(version, actual))
            throw new NativeAbiMismatchException(
                library.Path,
                VersionOf(version),
                VersionOf(actual)
            );
        return library;
    }

    /// <summary>Equal major versions, and no older minor version than expected.</summary>
    public static bool IsCompatible(uint expected, uint actual) =>
        expected >> 16 == actual >> 16 && (actual & 0xFFFF) >= (expected & 0xFFFF);

    private static Version VersionOf(uint version) =>
        new((int)(version >> 16), (int)(version & 0xFFFF));
}
