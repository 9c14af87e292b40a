// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace DeepInfra.Fs.Cluster.Interop;

/// <summary>The few system calls that .NET does not offer. All of them are no-ops outside Linux.</summary>
internal static partial class LibC
{
    private const int KeepSize = 1;
    private const int Punch = 2;
    private const int DontNeed = 4;
    private const int NoWait = 8; // RWF_NOWAIT

    private static bool s_canReadCached = OperatingSystem.IsLinux();

    /// <summary>Gives the disk space of a range back; the range reads as zeros. False where the file system cannot.</summary>
    public static bool PunchHole(SafeFileHandle file, long offset, long length) =>
        OperatingSystem.IsLinux() && Fallocate(file, KeepSize | Punch, offset, length) == 0;

    /// <summary>
    /// Reads what the page cache holds, without waiting for the disk: the count, 0 at the end of the file, or
    /// -1 when the first byte is not cached or the system cannot tell.
    /// </summary>
    public static unsafe int ReadCached(SafeFileHandle file, Span<byte> destination, long offset)
    {
        if (!s_canReadCached)
        {
            return -1;
        }
        fixed (byte* pointer = destination)
        {
            var vector = new IoVector { Base = pointer, Length = (nuint)destination.Length };
            try
            {
                return (int)ReadVector(file, &vector, 1, offset, NoWait);
            }
            catch (EntryPointNotFoundException)
            {
                s_canReadCached = false;
                return -1;
            }
        }
    }

    /// <summary>Drops clean pages of the file from the page cache.</summary>
    public static void DropCache(SafeFileHandle file)
    {
        if (OperatingSystem.IsLinux())
        {
            _ = Fadvise(file, 0, 0, DontNeed);
        }
    }

    [LibraryImport("libc", EntryPoint = "preadv2")]
    private static unsafe partial nint ReadVector(
        SafeFileHandle fd,
        IoVector* vectors,
        int count,
        long offset,
        int flags
    );

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int Fallocate(SafeFileHandle fd, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "posix_fadvise", SetLastError = true)]
    private static partial int Fadvise(SafeFileHandle fd, long offset, long length, int advice);

    private unsafe struct IoVector
    {
        public byte* Base;
        public nuint Length;
    }
}
