// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs;

/// <summary>
/// Arithmetic on '/'-separated paths. A path is canonical when it has no leading or trailing '/', no empty part and
/// no "." or ".."; the root is "".
/// </summary>
public static class FileSystemPath
{
    /// <summary>Brings a path into canonical form.</summary>
    /// <param name="path">Any path; empty parts and "." are dropped.</param>
    /// <exception cref="ArgumentException">The path contains ".." or a zero character.</exception>
    public static string Normalize(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (IsCanonical(path))
        {
            return path;
        }

        if (path.Contains('\0', StringComparison.Ordinal))
        {
            throw new ArgumentException("path: contains a zero character", nameof(path));
        }

        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Contains(".."))
        {
            throw new ArgumentException(
                $"path: expected a path without '..', got '{path}'",
                nameof(path)
            );
        }

        return string.Join('/', parts.Where(p => p != "."));
    }

    /// <summary>Joins two paths; an absolute second part is taken relative to the first.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="path">The path below it.</param>
    public static string Combine(string directory, string path)
    {
        var left = Normalize(directory);
        var right = Normalize(path);
        return left.Length == 0 ? right
            : right.Length == 0 ? left
            : $"{left}/{right}";
    }

    /// <summary>The part before the last '/'; "" for a name at the root.</summary>
    /// <param name="path">A path.</param>
    public static string GetParent(string path)
    {
        var canonical = Normalize(path);
        var slash = canonical.LastIndexOf('/');
        return slash < 0 ? "" : canonical[..slash];
    }

    /// <summary>The part after the last '/'.</summary>
    /// <param name="path">A path.</param>
    public static string GetName(string path)
    {
        var canonical = Normalize(path);
        return canonical[(canonical.LastIndexOf('/') + 1)..];
    }

    /// <summary>Whether a text can be the name of an entry: one part of a canonical path.</summary>
    internal static bool IsName(string name) =>
        name.Length > 0 && !name.Contains('/', StringComparison.Ordinal) && IsCanonical(name);

    private static bool IsCanonical(string path)
    {
        var rest = path.AsSpan();
        if (rest.IsEmpty)
        {
            return true;
        }

        if (rest.Contains('\0'))
        {
            return false;
        }

        foreach (var range in rest.Split('/'))
        {
            if (rest[range] is "" or "." or "..")
            {
                return false;
            }
        }

        return true;
    }
}
