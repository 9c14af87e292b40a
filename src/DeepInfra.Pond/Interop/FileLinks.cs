// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.Pond.Interop;

/// <summary>Hard links, which the base library does not make.</summary>
internal static partial class FileLinks
{
    /// <summary>Links a file under a second name; false where the system or the volume cannot.</summary>
    public static bool TryCreate(string existing, string link)
    {
        try
        {
            return OperatingSystem.IsWindows()
                ? CreateHardLink(link, existing, 0) != 0
                : Link(existing, link) == 0;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "link", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string existing, string link);

    [LibraryImport(
        "kernel32",
        EntryPoint = "CreateHardLinkW",
        StringMarshalling = StringMarshalling.Utf16
    )]
    private static partial int CreateHardLink(string link, string existing, nint security);
}
