// SPDX-License-Identifier: MIT
using System.Text;
using System.Text.Json;

namespace DeepInfra.Pond.Text;

/// <summary>Parses vocabulary and merge files.</summary>
internal static class TokenizerFiles
{
    public static List<KeyValuePair<string, int>> ParseVocabulary(byte[] json, string files)
    {
        var entries = new List<KeyValuePair<string, int>>();
        try
        {
            using var document = JsonDocument.Parse(json);
            foreach (var property in document.RootElement.EnumerateObject())
            {
                entries.Add(KeyValuePair.Create(property.Name, property.Value.GetInt32()));
            }
        }
        catch (Exception e)
            when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw new PondCorruptFileException(
                $"{files}: the vocabulary is not a JSON object of numbers: {e.Message}",
                e
            );
        }

        if (entries.Count == 0 || entries.Select(e => e.Value).Distinct().Count() != entries.Count)
        {
            throw new PondCorruptFileException(
                $"{files}: the vocabulary is empty or gives one number to two tokens."
            );
        }

        return entries;
    }

    public static List<string> ParseMerges(byte[] text, string files)
    {
        var merges = new List<string>();
        using var reader = new StreamReader(new MemoryStream(text), Encoding.UTF8);
        var number = 0;
        while (reader.ReadLine() is { } line)
        {
            number++;
            if (
                line.Length == 0
                || (number == 1 && line.StartsWith("#version", StringComparison.Ordinal))
            )
            {
                continue;
            }

            if (line.Split(' ').Length != 2)
            {
                throw new PondCorruptFileException(
                    FormattableString.Invariant(
                        $"{files}: merges, line {number}: expected two tokens, got '{line}'."
                    )
                );
            }

            merges.Add(line);
        }

        return merges;
    }
}
