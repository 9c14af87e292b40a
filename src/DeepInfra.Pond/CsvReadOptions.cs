// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond;

/// <summary>How CSV files are read.</summary>
public sealed record CsvReadOptions
{
    /// <summary>Text between fields, 1 to 4 bytes.</summary>
    public string Delimiter { get; init; } = ",";

    /// <summary>Whether the first line of each file holds column names, which are skipped.</summary>
    public bool Header { get; init; }

    /// <summary>Quote character; a doubled quote inside quotes is one quote. Empty: no quoting.</summary>
    public string Quote { get; init; } = "\"";

    /// <summary>Text that stands for NULL.</summary>
    public string NullText { get; init; } = "";

    /// <summary>Longest line in bytes. Each reading thread holds a buffer of many times this size.</summary>
    public int MaxLineBytes { get; init; } = 2 << 20;

    /// <summary>Return no rows instead of failing when no file matches.</summary>
    public bool AllowMissing { get; init; }
}
