// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Interop;

/// <summary>Where DeepInfra keeps what it can make again.</summary>
internal static class CacheFolder
{
    public const string Variable = "DEEPINFRA_CACHE_DIR";

    /// <summary>
    /// <c>DEEPINFRA_CACHE_DIR</c>, else <c>$XDG_CACHE_HOME/deepinfra</c>, else <c>~/.cache/deepinfra</c> (on Windows the local
    /// application data). Null if the user has no home: the caller decides what is safe then.
    /// </summary>
    /// <param name="variable">Reads an environment variable.</param>
    /// <param name="useVariable">False looks at the defaults only.</param>
    public static string? FindRoot(Func<string, string?> variable, bool useVariable = true)
    {
        if (useVariable && variable(Variable) is { Length: > 0 } chosen)
            return Path.GetFullPath(chosen);
        if (OperatingSystem.IsWindows())
            return Below(
                Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData),
                "deepinfra"
            );
        // A relative XDG_CACHE_HOME is to be ignored, says its specification.
        if (variable("XDG_CACHE_HOME") is { Length: > 0 } cache && Path.IsPathRooted(cache))
            return Path.Combine(cache, "deepinfra");
        return Below(variable("HOME"), ".cache", "deepinfra");
    }

    private static string? Below(string? home, params ReadOnlySpan<string> parts) =>
        string.IsNullOrEmpty(home) || !Path.IsPathRooted(home)
            ? null
            : Path.Combine([home, .. parts]);
}
