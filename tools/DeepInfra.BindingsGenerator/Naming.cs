// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text;

namespace DeepInfra.BindingsGenerator;

/// <summary>From C names to managed names.</summary>
internal static class Naming
{
    private static readonly HashSet<string> s_keywords =
    [
        "base",
        "bool",
        "byte",
        "char",
        "checked",
        "class",
        "const",
        "decimal",
        "default",
        "delegate",
        "double",
        "event",
        "explicit",
        "extern",
        "fixed",
        "float",
        "implicit",
        "in",
        "int",
        "interface",
        "internal",
        "is",
        "lock",
        "long",
        "namespace",
        "new",
        "null",
        "object",
        "operator",
        "out",
        "override",
        "params",
        "private",
        "protected",
        "public",
        "readonly",
        "ref",
        "sbyte",
        "sealed",
        "short",
        "stackalloc",
        "static",
        "string",
        "struct",
        "this",
        "throw",
        "uint",
        "ulong",
        "unchecked",
        "unsafe",
        "ushort",
        "using",
        "virtual",
        "void",
        "volatile",
    ];

    /// <summary><c>block_table</c> becomes <c>BlockTable</c>, <c>DI_IO_ERROR</c> becomes <c>DiIoError</c>.</summary>
    public static string Pascal(string name)
    {
        var result = new StringBuilder();
        foreach (var word in name.Split('_', StringSplitOptions.RemoveEmptyEntries))
        {
            result.Append(char.ToUpperInvariant(word[0]));
            var rest = word[1..];
            var isShouting = word.All(c => !char.IsLower(c)) && word.Any(char.IsLetter);
            result.Append(isShouting ? rest.ToLower(CultureInfo.InvariantCulture) : rest);
        }
        return result.ToString();
    }

    /// <summary><c>block_table</c> becomes <c>blockTable</c>; keywords get their escape.</summary>
    public static string Camel(string name)
    {
        var pascal = Pascal(name);
        var camel = char.ToLowerInvariant(pascal[0]) + pascal[1..];
        return s_keywords.Contains(camel) ? "@" + camel : camel;
    }

    /// <summary><c>di_core_fill_params</c> becomes <c>NativeCoreFillParams</c>.</summary>
    public static string Type(string name) => "Native" + Pascal(WithoutPrefix(name, "di_"));

    /// <summary><c>di_core_fill</c> of the area core becomes <c>Fill</c>.</summary>
    public static string Method(string name, string area) =>
        Pascal(WithoutPrefix(WithoutPrefix(name, "di_"), area + "_"));

    /// <summary>The words that all members of an enumeration begin with, up to the last one of the shortest.</summary>
    public static string CommonPrefix(IReadOnlyList<string> names)
    {
        if (names.Count == 0)
            return "";
        var prefix = names[0];
        foreach (var name in names)
            while (!name.StartsWith(prefix, StringComparison.Ordinal))
                prefix = prefix[..^1];
        // A member must keep at least one word, and that word must be a name.
        while (
            prefix.Length > 0
            && (
                prefix[^1] != '_'
                || names.Any(n => n.Length == prefix.Length || char.IsDigit(n[prefix.Length]))
            )
        )
            prefix = prefix[..^1];
        // Of a single name everything but its last word is common.
        if (names.Count == 1)
            return names[0][..(names[0].LastIndexOf('_') + 1)];
        return prefix;
    }

    private static string WithoutPrefix(string name, string prefix) =>
        name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : name;
}
