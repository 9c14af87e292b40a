// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.Core.Interop;

/// <summary>
/// Finds native libraries: the folders of <c>DEEPINFRA_NATIVE_PATH</c>, then those of the application, then (where asked for) the
/// system's loader path. Every attempt is recorded for the exception.
/// </summary>
internal static class NativeLibraryProbe
{
    public const string PathVariable = "DEEPINFRA_NATIVE_PATH";

    /// <summary>Loads one of our own libraries.</summary>
    /// <param name="name">The name without prefix and suffix, such as <c>deepinfra_core</c>.</param>
    /// <param name="remedy">What to do if it is missing.</param>
    /// <exception cref="NativeLibraryNotFoundException">It is nowhere, or cannot be loaded.</exception>
    public static LoadedLibrary Load(string name, string remedy)
    {
        var attempts = new List<string>();
        var file = FileName(name);
        foreach (var folder in Folders())
            if (TryLoad(Path.Combine(folder, file), attempts, out var library))
                return library;
        throw new NativeLibraryNotFoundException(name, remedy, attempts);
    }

    /// <summary>Loads a library that the system provides.</summary>
    /// <param name="what">What it is, for the exception.</param>
    /// <param name="names">Names or full paths, in order of preference.</param>
    /// <param name="remedy">What to do if it is missing.</param>
    /// <exception cref="NativeLibraryNotFoundException">None can be loaded.</exception>
    public static LoadedLibrary LoadByName(string what, IEnumerable<string> names, string remedy)
    {
        var attempts = new List<string>();
        foreach (var name in names)
            if (TryLoad(name, attempts, out var library))
                return library;
        throw new NativeLibraryNotFoundException(what, remedy, attempts);
    }

    /// <summary>The folders for our own libraries, in order.</summary>
    public static IEnumerable<string> Folders()
    {
        var variable = Environment.GetEnvironmentVariable(PathVariable);
        foreach (var folder in variable?.Split(Path.PathSeparator) ?? [])
            if (folder.Length > 0)
                yield return folder;
        var application = AppContext.BaseDirectory;
        yield return Path.Combine(
            application,
            "runtimes",
            RuntimeInformation.RuntimeIdentifier,
            "native"
        );
        yield return application;
    }

    /// <summary>The file name on this system.</summary>
    public static string FileName(string name) =>
        OperatingSystem.IsWindows() ? $"{name}.dll"
        : OperatingSystem.IsMacOS() ? $"lib{name}.dylib"
        : $"lib{name}.so";

    /// <summary>Tries one name or path.</summary>
    public static bool TryLoad(string path, List<string> attempts, out LoadedLibrary library)
    {
        library = default;
        if (Path.IsPathRooted(path) && !File.Exists(path))
        {
            attempts.Add($"{path}: no such file");
            return false;
        }
        try
        {
            library = new LoadedLibrary(NativeLibrary.Load(path), path);
            return true;
        }
        catch (DllNotFoundException e)
        {
            attempts.Add(OneLine(e.Message));
        }
        catch (BadImageFormatException e)
        {
            attempts.Add($"{path}: {OneLine(e.Message)}");
        }
        return false;
    }

    // The runtime's message begins with general advice; the loader's own answers follow, one a line.
    private static string OneLine(string message)
    {
        var lines = message.Split(
            '\n',
            StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries
        );
        return string.Join("; ", lines.Length > 1 ? lines[1..] : lines);
    }
}

/// <summary>A loaded library and where it came from.</summary>
internal readonly record struct LoadedLibrary(nint Handle, string Path);
