// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.Fs.Interop;

/// <summary>System calls that .NET does not offer.</summary>
internal static partial class LibC
{
    private const int CloseOnExec = 0x80000; // O_CLOEXEC with O_RDONLY; the same on every Linux
    private const int AccessDenied = 13;
    private const int Invalid = 22;

    /// <summary>
    /// Flushes the entries of a directory to the disk. Nothing happens outside Linux, in directories that may be
    /// entered and not read (their owner answers for them), and on file systems that have nothing to flush.
    /// </summary>
    /// <exception cref="IOException">The directory cannot be opened or flushed.</exception>
    public static void FlushDirectory(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        var descriptor = Open(path, CloseOnExec);
        if (descriptor < 0)
        {
            var reason = Marshal.GetLastPInvokeError();
            if (reason == AccessDenied)
            {
                return;
            }

            throw Failed("open", path, reason);
        }

        var result = Fsync(descriptor);
        var error = Marshal.GetLastPInvokeError();
        _ = Close(descriptor);
        if (result != 0 && error != Invalid)
        {
            throw Failed("flush", path, error);
        }
    }

    private static IOException Failed(string what, string path, int error) =>
        new($"cannot {what} directory '{path}': {Marshal.GetPInvokeErrorMessage(error)}", error);

    [LibraryImport(
        "libc",
        EntryPoint = "open",
        SetLastError = true,
        StringMarshalling = StringMarshalling.Utf8
    )]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
