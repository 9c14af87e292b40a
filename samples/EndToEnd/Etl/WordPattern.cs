// SPDX-License-Identifier: MIT
using System.Text.RegularExpressions;

namespace EndToEnd.Etl;

/// <summary>How text is cut into words before byte pairs are merged: the same pattern that trained the tokenizer.</summary>
internal static partial class WordPattern
{
    [GeneratedRegex(@"'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")]
    public static partial Regex Create();
}
