// SPDX-License-Identifier: MIT
using System.Globalization;

namespace DeepInfra.Core.Interop;

/// <summary>
/// Finds NVRTC: <c>DEEPINFRA_NVRTC_PATH</c>, beside the application, CUDA_HOME and CUDA_PATH, the loader's path, Python
/// environments, and the toolkit that <c>./build.sh native</c> keeps. With the simulator, its own compiler.
/// </summary>
internal static class NvrtcProbe
{
    public const string PathVariable = "DEEPINFRA_NVRTC_PATH";

    public const string Remedy =
        "Install the NVRTC library of a CUDA toolkit 12.3 or newer (Debian: libnvrtc12; pip: nvidia-cuda-nvrtc-cu12), or put its folder into "
        + PathVariable
        + ".";

    private static readonly string[] s_names = OperatingSystem.IsWindows()
        ? ["nvrtc64_130_0.dll", "nvrtc64_120_0.dll"]
        : ["libnvrtc.so.12", "libnvrtc.so.13"];

    /// <summary>Loads it, with the library of built-ins that it opens by itself, from the same place.</summary>
    /// <exception cref="NativeLibraryNotFoundException">It is not on this machine.</exception>
    public static LoadedLibrary Load()
    {
        if (CudaApi.IsSimulatorSelected)
            return NativeLibraryProbe.Load(CudaApi.SimulatorName, CudaApi.SimulatorRemedy);
        return NativeLibraryProbe.LoadByName("NVRTC", Candidates(), Remedy);
    }

    /// <summary>
    /// Loads the built-ins: NVRTC asks the loader for them by name at the first compilation, which finds nothing
    /// beside a library that was loaded by path, unless they are loaded already.
    /// </summary>
    /// <returns>What was tried in vain; empty if they are loaded.</returns>
    public static IReadOnlyList<string> LoadBuiltins(NvrtcApi nvrtc)
    {
        var name = BuiltinsName(nvrtc.Version);
        var attempts = new List<string>();
        var folder = Path.IsPathRooted(nvrtc.Path) ? Path.GetDirectoryName(nvrtc.Path) : null;
        if (
            folder is not null
            && NativeLibraryProbe.TryLoad(Path.Combine(folder, name), attempts, out _)
        )
            return [];
        return NativeLibraryProbe.TryLoad(name, attempts, out _) ? [] : attempts;
    }

    public static string BuiltinsName(Version version) =>
        OperatingSystem.IsWindows()
            ? $"nvrtc-builtins64_{version.Major}{version.Minor}.dll"
            : string.Create(
                CultureInfo.InvariantCulture,
                $"libnvrtc-builtins.so.{version.Major}.{version.Minor}"
            );

    /// <summary>The file name with its full version, such as libnvrtc.so.12.4.127; the given name if there is no more.</summary>
    public static string FullName(string path)
    {
        try
        {
            var target = File.ResolveLinkTarget(path, returnFinalTarget: true);
            return Path.GetFileName(target?.FullName ?? path);
        }
        catch (IOException)
        {
            return Path.GetFileName(path);
        }
    }

    private static IEnumerable<string> Candidates()
    {
        var variable = Environment.GetEnvironmentVariable(PathVariable);
        if (!string.IsNullOrEmpty(variable))
        {
            // A path that was asked for is the only one: another version found elsewhere would be a surprise.
            if (Directory.Exists(variable))
                foreach (var name in s_names)
                    yield return Path.Combine(variable, name);
            else
                yield return Path.GetFullPath(variable);
            yield break;
        }
        foreach (var folder in Folders().Where(Directory.Exists))
        foreach (var name in s_names)
            yield return Path.Combine(folder, name);
        foreach (var name in s_names)
            yield return name;
        foreach (var folder in PythonFolders().Append(PrivateToolkit()).Where(Directory.Exists))
        foreach (var name in s_names)
            yield return Path.Combine(folder, name);
    }

    private static IEnumerable<string> Folders()
    {
        foreach (var folder in NativeLibraryProbe.Folders())
            yield return folder;
        foreach (var name in new[] { "CUDA_HOME", "CUDA_PATH" })
            if (Environment.GetEnvironmentVariable(name) is { Length: > 0 } root)
                yield return Path.Combine(root, OperatingSystem.IsWindows() ? "bin" : "lib64");
    }

    // Wheels keep their libraries in lib/python3.x/site-packages/nvidia/<package>/lib.
    private static IEnumerable<string> PythonFolders()
    {
        foreach (var name in new[] { "VIRTUAL_ENV", "CONDA_PREFIX" })
        {
            if (Environment.GetEnvironmentVariable(name) is not { Length: > 0 } root)
                continue;
            var library = Path.Combine(root, "lib");
            if (!Directory.Exists(library))
                continue;
            foreach (var python in Directory.EnumerateDirectories(library, "python3*"))
            foreach (var package in new[] { "cuda_nvrtc", "cu12", "cu13" })
                yield return Path.Combine(python, "site-packages", "nvidia", package, "lib");
        }
    }

    private static string PrivateToolkit() =>
        CacheFolder.FindRoot(Environment.GetEnvironmentVariable, useVariable: false) is { } root
            ? Path.Combine(root, "cuda-12.4", "lib64")
            : "";
}
