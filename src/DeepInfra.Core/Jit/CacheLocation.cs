// SPDX-License-Identifier: MIT
using DeepInfra.Core.Interop;

namespace DeepInfra.Core.Jit;

/// <summary>The folder for compiled kernels.</summary>
internal static class CacheLocation
{
    /// <summary>The folder, or null with a reason if none is safe.</summary>
    public static string? Find(
        JitOptions options,
        Func<string, string?> variable,
        out string reason
    )
    {
        reason = "";
        if (options.CacheDirectory is { Length: > 0 } chosen)
            return Path.Combine(Path.GetFullPath(chosen), "kernels");
        if (CacheFolder.FindRoot(variable) is { } root)
            return Path.Combine(root, "kernels");
        var folder = Path.Combine(Path.GetTempPath(), $"deepinfra-{Environment.UserName}");
        if (!IsPrivate(folder, out reason))
            return null;
        return Path.Combine(folder, "kernels");
    }

    // In a folder that everybody can write, somebody else may have put kernels of his own under our name.
    private static bool IsPrivate(string folder, out string reason)
    {
        reason = "";
        if (OperatingSystem.IsWindows())
            return true;
        try
        {
            const UnixFileMode Owner =
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
            Directory.CreateDirectory(folder, Owner);
            var info = new DirectoryInfo(folder);
            // Only the owner may set the mode: this fails for somebody else's folder.
            if (info.LinkTarget is null)
            {
                info.UnixFileMode = Owner;
                return true;
            }
            reason = $"{folder} is a link";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            reason = e.Message;
        }
        reason = $"there is no home folder and {folder} cannot be used: {reason}";
        return false;
    }
}
