// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using DeepInfra.Core;

namespace DeepInfra.Testing;

/// <summary>
/// Memory that ends where an inaccessible page begins and starts behind another one: a kernel that touches a byte in
/// front of its tensor or behind it ends the process instead of reading what happens to lie there. Linux only.
/// </summary>
public sealed unsafe partial class GuardedMemory : IDisposable
{
    private const int Protection = 0x3;
    private const int PrivateAnonymous = 0x22;

    private readonly byte* _region;
    private readonly nuint _length;

    /// <summary>Maps memory.</summary>
    /// <param name="bytes">Usable bytes, which end at the guard.</param>
    public GuardedMemory(long bytes)
    {
        var page = (nuint)Environment.SystemPageSize;
        var inner = ((nuint)bytes + page - 1) / page * page;
        _length = inner + 2 * page;
        _region = (byte*)Map(null, _length, Protection, PrivateAnonymous, -1, 0);
        if (_region == (byte*)-1)
            throw new InvalidOperationException("mmap failed");
        if (Protect(_region, page, 0) != 0 || Protect(_region + page + inner, page, 0) != 0)
            throw new InvalidOperationException("mprotect failed");
        Pointer = _region + page + inner - (nuint)bytes;
    }

    /// <summary>True where this works.</summary>
    public static bool IsSupported => OperatingSystem.IsLinux();

    /// <summary>The first of the bytes.</summary>
    public byte* Pointer { get; }

    /// <summary>A compact zeroed tensor whose last element touches the guard; it owns the memory.</summary>
    /// <typeparam name="T">The element type.</typeparam>
    /// <param name="shape">The extents.</param>
    public static Tensor<T> Tensor<T>(Shape shape)
        where T : unmanaged
    {
        var memory = new GuardedMemory(Math.Max(1, shape.ElementCount) * sizeof(T));
        return Core.Tensor<T>.Wrap((T*)memory.Pointer, shape, release: memory.Dispose);
    }

    /// <inheritdoc/>
    public void Dispose() => _ = Unmap(_region, _length);

    [LibraryImport("libc", EntryPoint = "mmap")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial void* Map(
        void* address,
        nuint length,
        int protection,
        int flags,
        int file,
        long offset
    );

    [LibraryImport("libc", EntryPoint = "mprotect")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Protect(void* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Unmap(void* address, nuint length);
}
