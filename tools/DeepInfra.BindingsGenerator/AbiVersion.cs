// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.RegularExpressions;

namespace DeepInfra.BindingsGenerator;

/// <summary>The version of a library's ABI. Major changes with every break, minor with every addition.</summary>
internal readonly record struct AbiVersion(int Major, int Minor)
{
    /// <summary>What the macro <c>DI_&lt;AREA&gt;_ABI_VERSION</c> of a header states.</summary>
    /// <exception cref="InvalidDataException">There is no such macro.</exception>
    public static AbiVersion Of(AreaConfig area, string header)
    {
        var macro = $"DI_{area.Name.ToUpperInvariant()}_ABI_VERSION";
        var match = Regex.Match(
            header,
            $@"^#define {macro} 0x(?<major>[0-9a-fA-F]{{4}})(?<minor>[0-9a-fA-F]{{4}})u$",
            RegexOptions.Multiline
        );
        if (!match.Success)
            throw new InvalidDataException(
                $"{area.Entry}: expected a line `#define {macro} 0x00010000u`, major and minor version in four digits each"
            );
        return new AbiVersion(Number("major"), Number("minor"));

        int Number(string group) =>
            int.Parse(
                match.Groups[group].Value,
                NumberStyles.HexNumber,
                CultureInfo.InvariantCulture
            );
    }

    /// <summary>Reads <c>major.minor</c>.</summary>
    /// <exception cref="InvalidDataException">It is no version.</exception>
    public static AbiVersion Parse(string text) =>
        Version.TryParse(text, out var version)
            ? new AbiVersion(version.Major, version.Minor)
            : throw new InvalidDataException($"expected a version such as 1.0, got '{text}'");

    /// <summary>The number as C# code.</summary>
    public string ToCode() => $"0x{Major:X4}_{Minor:X4}";

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Major}.{Minor}");
}
