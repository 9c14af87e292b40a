// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.RegularExpressions;

namespace DeepInfra.BindingsGenerator;

/// <summary>
/// What the callers of a library rely on: its version and one line per function, field, value and type. The record is checked in
/// beside the library, and the generator writes another one only under a version that says how much has changed.
/// </summary>
/// <param name="Version">The version that the header states.</param>
/// <param name="Facts">The lines, sorted.</param>
internal sealed partial record AbiRecord(AbiVersion Version, IReadOnlyList<string> Facts)
{
    private const string VersionPrefix = "version ";

    /// <summary>The record of a header, with the types of the headers it includes: they cross the same boundary.</summary>
    public static AbiRecord Of(AreaConfig area, string entryText, Declarations declarations)
    {
        List<string> facts = [];
        foreach (var function in declarations.Functions)
            facts.Add(
                $"function {function.ReturnType} {function.Name}({string.Join(", ", function.Parameters.Select(p => p.Type))})"
            );
        foreach (var values in declarations.Enums)
        foreach (var member in values.Members)
            facts.Add($"value {values.Name}.{member.Name} = {Text(member.Value)}");
        foreach (var type in declarations.Typedefs)
            facts.Add($"type {type.Name} = {type.Type}");
        foreach (var type in declarations.Structs)
        {
            var layout = declarations.Layouts[type.Name];
            foreach (var field in type.Fields)
                facts.Add(
                    $"field {type.Name}.{field.Name} {field.Type} at {Text(layout.Offsets[field.Name])}"
                );
            // A block that states its size may grow; the size of any other type is part of the contract.
            if (type.Fields.Count == 0 || type.Fields[0].Name != "struct_size")
                facts.Add($"struct {type.Name} of {Text(layout.Size)} bytes");
        }
        facts.Sort(StringComparer.Ordinal);
        return new AbiRecord(AbiVersion.Of(area, entryText), facts);
    }

    /// <summary>Reads a record.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public static AbiRecord Parse(string text)
    {
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(l => l[0] != '#')
            .ToList();
        if (lines.Count == 0 || !lines[0].StartsWith(VersionPrefix, StringComparison.Ordinal))
            throw new InvalidDataException("an ABI record begins with its version");
        return new AbiRecord(AbiVersion.Parse(lines[0][VersionPrefix.Length..]), lines[1..]);
    }

    /// <summary>The contents of the file.</summary>
    public string ToText(AreaConfig area) =>
        $"# SPDX-License-Identifier: MIT\n# The ABI of {area.Library} at the version below, by tools/DeepInfra.BindingsGenerator (./build.sh bindings). Do not edit.\n"
        + $"{VersionPrefix}{Version}\n{string.Concat(Facts.Select(f => f + '\n'))}";

    /// <summary>Whether this record may follow an older one; else what is wrong with its version.</summary>
    public string? ProblemAfter(AbiRecord before)
    {
        var removed = before.Facts.Except(Facts).Where(f => !IsReservedFieldInUse(f)).ToList();
        var added = Facts.Except(before.Facts).ToList();
        var lowest =
            removed.Count > 0 ? new AbiVersion(before.Version.Major + 1, 0)
            : added.Count > 0 ? before.Version with { Minor = before.Version.Minor + 1 }
            : before.Version;
        // What a function does can change where its declaration does not: a higher version is always right.
        var isAllowed =
            Version == lowest
            || Version == new AbiVersion(before.Version.Major + 1, 0)
            || (
                removed.Count == 0
                && Version == before.Version with { Minor = before.Version.Minor + 1 }
            );
        if (isAllowed)
            return null;
        var changes = removed.Select(f => $"\n  - {f}").Concat(added.Select(f => $"\n  + {f}"));
        var kind =
            removed.Count > 0 ? "changes or removes what callers rely on"
            : added.Count > 0 ? "adds to it"
            : "leaves it as it was";
        return $"the header states version {Version}, but compared with {before.Version} it {kind}: state {lowest}. "
            + "(If the recorded version was never pushed, restore the record from git first.)"
            + string.Concat(changes);
    }

    // A field that had to be zero may get a meaning: older callers ask for what zero means.
    private bool IsReservedFieldInUse(string fact) =>
        ReservedField().Match(fact) is { Success: true } reserved
        && Facts.Any(f =>
            f.StartsWith(reserved.Groups["type"].Value, StringComparison.Ordinal)
            && f.EndsWith(reserved.Groups["place"].Value, StringComparison.Ordinal)
        );

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^(?<type>field \w+\.)reserved\w*(?<place> .* at \d+)$")]
    private static partial Regex ReservedField();
}
