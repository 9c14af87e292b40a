// SPDX-License-Identifier: MIT
using System.Text;
using System.Text.RegularExpressions;
using DeepInfra.Fs;

namespace DeepInfra.Pond.Storage;

/// <summary>
/// Resolves file patterns on any file system: <c>*</c> and <c>?</c> inside a name, <c>[a-z]</c> classes, and
/// <c>**</c> for any number of directories. Results are sorted by path.
/// </summary>
internal static class Glob
{
    public static bool IsPattern(string path) => path.AsSpan().IndexOfAny("*?[") >= 0;

    public static async Task<List<(PondPath Path, FileSystemEntry Entry)>> ResolveAsync(
        PondPath pattern,
        IReadOnlyList<string> directoryExtensions,
        bool recursive,
        CancellationToken cancellation
    )
    {
        var fileSystem = pattern.FileSystem;
        var found = new SortedDictionary<string, FileSystemEntry>(StringComparer.Ordinal);
        // A name that exists is meant literally, whatever characters it has.
        var literal = await fileSystem
            .TryStatAsync(pattern.Path, cancellation)
            .ConfigureAwait(false);
        if (literal is { IsDirectory: false })
        {
            found[pattern.Path] = literal;
        }
        else if (literal is not null)
        {
            await ListDirectoryAsync(pattern, directoryExtensions, recursive, found, cancellation)
                .ConfigureAwait(false);
        }
        else if (IsPattern(pattern.Path))
        {
            await WalkAsync(fileSystem, "", pattern.Path.Split('/'), 0, found, cancellation)
                .ConfigureAwait(false);
        }

        return found.Select(f => (pattern.At(f.Key), f.Value)).ToList();
    }

    private static async Task ListDirectoryAsync(
        PondPath directory,
        IReadOnlyList<string> extensions,
        bool recursive,
        SortedDictionary<string, FileSystemEntry> found,
        CancellationToken cancellation
    )
    {
        var entries = directory.FileSystem.ListAsync(directory.Path, recursive, cancellation);
        await foreach (var entry in entries.ConfigureAwait(false))
        {
            var hidden = entry
                .Path[directory.Path.Length..]
                .Split('/', StringSplitOptions.RemoveEmptyEntries)
                .Any(part => part[0] is '.' or '_');
            if (
                !entry.IsDirectory
                && !hidden
                && extensions.Any(e => entry.Path.EndsWith(e, StringComparison.OrdinalIgnoreCase))
            )
            {
                found[entry.Path] = await FollowAsync(directory.FileSystem, entry, cancellation)
                    .ConfigureAwait(false);
            }
        }
    }

    private static async Task WalkAsync(
        IFileSystem fileSystem,
        string directory,
        string[] parts,
        int index,
        SortedDictionary<string, FileSystemEntry> found,
        CancellationToken cancellation
    )
    {
        var part = parts[index];
        var last = index == parts.Length - 1;
        if (!IsPattern(part))
        {
            var path = FileSystemPath.Combine(directory, part);
            var entry = await fileSystem.TryStatAsync(path, cancellation).ConfigureAwait(false);
            if (entry is { IsDirectory: true } && !last)
            {
                await WalkAsync(fileSystem, path, parts, index + 1, found, cancellation)
                    .ConfigureAwait(false);
            }
            else if (entry is { IsDirectory: false } && last)
            {
                found[path] = entry;
            }

            return;
        }

        if (part == "**" && !last)
        {
            await WalkAsync(fileSystem, directory, parts, index + 1, found, cancellation)
                .ConfigureAwait(false);
        }

        var regex = ToRegex(part);
        await foreach (
            var listed in fileSystem
                .ListAsync(directory, recursive: false, cancellation)
                .ConfigureAwait(false)
        )
        {
            if (part != "**" && !regex.IsMatch(listed.Name))
            {
                continue;
            }

            var entry = await FollowAsync(fileSystem, listed, cancellation).ConfigureAwait(false);
            if (entry.IsDirectory && (part == "**" || !last))
            {
                await WalkAsync(
                        fileSystem,
                        entry.Path,
                        parts,
                        part == "**" ? index : index + 1,
                        found,
                        cancellation
                    )
                    .ConfigureAwait(false);
            }
            else if (!entry.IsDirectory && last)
            {
                found[entry.Path] = entry;
            }
        }
    }

    private static async Task<FileSystemEntry> FollowAsync(
        IFileSystem fileSystem,
        FileSystemEntry entry,
        CancellationToken cancellation
    )
    {
        if (entry.Kind != FileSystemEntryKind.SymbolicLink)
        {
            return entry;
        }

        var target = await fileSystem.TryStatAsync(entry.Path, cancellation).ConfigureAwait(false);
        return target is null ? entry : target with { Path = entry.Path };
    }

    private static Regex ToRegex(string part)
    {
        var text = new StringBuilder("^");
        for (var i = 0; i < part.Length; i++)
        {
            var close = part[i] == '[' ? part.IndexOf(']', Math.Min(part.Length, i + 2)) : -1;
            if (part[i] == '*')
            {
                text.Append(".*");
            }
            else if (part[i] == '?')
            {
                text.Append('.');
            }
            else if (close > 0)
            {
                var body = part[(i + 1)..close].Replace("\\", "\\\\", StringComparison.Ordinal);
                text.Append('[').Append(body[0] == '!' ? "^" + body[1..] : body).Append(']');
                i = close;
            }
            else
            {
                text.Append(Regex.Escape(part[i].ToString()));
            }
        }

        return new Regex(
            text.Append('$').ToString(),
            RegexOptions.CultureInvariant | RegexOptions.Singleline
        );
    }
}
