// SPDX-License-Identifier: MIT
using System.Reflection;

namespace DeepInfra.Core.Jit;

/// <summary>
/// Headers that kernel sources include by name, held in memory: nothing is read from disk at run time and no path enters the
/// cache key. Immutable.
/// </summary>
public sealed class KernelHeaders
{
    private readonly SortedDictionary<string, string> _texts;

    private KernelHeaders(SortedDictionary<string, string> texts)
    {
        _texts = texts;
        var parts = new string[2 * texts.Count];
        var i = 0;
        foreach (var (name, text) in texts)
            (parts[i++], parts[i++]) = (name, text);
        Hash = KernelHash.Of(parts);
    }

    /// <summary>No headers.</summary>
    public static KernelHeaders Empty { get; } = new(new(StringComparer.Ordinal));

    /// <summary>The digest of all names and texts.</summary>
    public KernelHash Hash { get; }

    /// <summary>Number of headers.</summary>
    public int Count => _texts.Count;

    /// <summary>Names as in <c>#include</c>, sorted, with their texts.</summary>
    public IReadOnlyDictionary<string, string> Texts => _texts;

    /// <summary>Headers from texts.</summary>
    /// <param name="texts">Name as in <c>#include</c>, and text.</param>
    /// <exception cref="ArgumentException">A name is empty or occurs twice.</exception>
    public static KernelHeaders Create(IEnumerable<KeyValuePair<string, string>> texts)
    {
        ArgumentNullException.ThrowIfNull(texts);
        var sorted = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, text) in texts)
        {
            if (string.IsNullOrEmpty(name))
                throw new ArgumentException("texts: a header has no name", nameof(texts));
            if (!sorted.TryAdd(name, text))
                throw new ArgumentException($"texts: header '{name}' occurs twice", nameof(texts));
        }
        return new KernelHeaders(sorted);
    }

    /// <summary>Headers from the resources of an assembly.</summary>
    /// <param name="assembly">The assembly.</param>
    /// <param name="prefix">Resources of this prefix are taken; the rest of their names is what sources include.</param>
    /// <exception cref="ArgumentException">The assembly has no such resource.</exception>
    public static KernelHeaders FromResources(Assembly assembly, string prefix)
    {
        ArgumentNullException.ThrowIfNull(assembly);
        ArgumentNullException.ThrowIfNull(prefix);
        var sorted = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var resource in assembly.GetManifestResourceNames())
        {
            if (!resource.StartsWith(prefix, StringComparison.Ordinal))
                continue;
            using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!);
            sorted.Add(resource[prefix.Length..].Replace('\\', '/'), reader.ReadToEnd());
        }
        return sorted.Count > 0
            ? new KernelHeaders(sorted)
            : throw new ArgumentException(
                $"prefix: {assembly.GetName().Name} has no resource below '{prefix}'",
                nameof(prefix)
            );
    }
}
