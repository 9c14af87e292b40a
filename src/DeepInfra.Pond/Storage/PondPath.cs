// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Fs;

namespace DeepInfra.Pond.Storage;

/// <summary>A path of the user: on the local disk or on a mounted file system.</summary>
/// <param name="FileSystem">Where it is.</param>
/// <param name="Path">Path inside the file system.</param>
/// <param name="Display">What the user wrote, in full.</param>
/// <param name="Scheme">Scheme of the mount, or null for the local disk.</param>
internal sealed record PondPath(IFileSystem FileSystem, string Path, string Display, string? Scheme)
{
    private static readonly ConcurrentDictionary<string, LocalFileSystem> s_roots = new(
        StringComparer.Ordinal
    );

    /// <summary>Path for DuckDB, or null when the file has to be staged.</summary>
    public string? Local => FileSystem.TryGetLocalPath(Path);

    public static PondPath Parse(string text, IReadOnlyDictionary<string, IFileSystem> mounts)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        var colon = text.IndexOf("://", StringComparison.Ordinal);
        if (colon > 0 && text.AsSpan(0, colon).IndexOfAny('/', '\\') < 0)
        {
            var scheme = text[..colon];
            if (scheme.Equals("file", StringComparison.OrdinalIgnoreCase))
            {
                return LocalPath(new Uri(text).LocalPath);
            }

            if (mounts.TryGetValue(scheme, out var fileSystem))
            {
                var inner = FileSystemPath.Normalize(text[(colon + 3)..]);
                return new PondPath(fileSystem, inner, scheme + "://" + inner, scheme);
            }

            throw new PondPlanException(
                scheme is "s3" or "gs" or "http" or "https" or "hf"
                    ? $"'{text}': DuckDB's httpfs extension is not part of the bundled library; copy the files to a local directory or mount a file system for '{scheme}' in PondOptions.Mounts."
                    : $"'{text}': no file system is mounted for '{scheme}'; add it to PondOptions.Mounts."
            );
        }

        return LocalPath(text);
    }

    public PondPath Combine(string name) =>
        this with
        {
            Path = FileSystemPath.Combine(Path, name),
            Display = Display.TrimEnd('/') + "/" + name,
        };

    public PondPath Parent =>
        this with
        {
            Path = FileSystemPath.GetParent(Path),
            Display = Display[..Math.Max(0, Display.TrimEnd('/').LastIndexOf('/'))],
        };

    public string Name => FileSystemPath.GetName(Path);

    public PondPath At(string path) =>
        this with
        {
            Path = path,
            Display = Scheme is not null
                ? Scheme + "://" + path
                : FileSystem.TryGetLocalPath(path) ?? path,
        };

    private static PondPath LocalPath(string text)
    {
        var full = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(text));
        var root = System.IO.Path.GetPathRoot(full)!;
        var fileSystem = s_roots.GetOrAdd(root, r => new LocalFileSystem(r));
        var inner = FileSystemPath.Normalize(full[root.Length..].Replace('\\', '/'));
        return new PondPath(fileSystem, inner, full, null);
    }
}
