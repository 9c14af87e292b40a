// SPDX-License-Identifier: MIT
using System.IO.Compression;
using System.Text.Json;

namespace DeepInfra.EndToEnd.Tests;

/// <summary>Documents of the shipped corpus.</summary>
internal static class SampleText
{
    /// <summary>As many as training and validation need, and a few more.</summary>
    public const int EnoughDocuments = 160;

    /// <summary>The first documents that are long enough to be kept.</summary>
    public static IReadOnlyList<string> Take(int count)
    {
        var path = Path.Combine(AppContext.BaseDirectory, "data", "corpus.jsonl.gz");
        using var stream = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
        using var lines = new StreamReader(stream);
        var texts = new List<string>();
        while (texts.Count < count && lines.ReadLine() is { } line)
        {
            using var json = JsonDocument.Parse(line);
            var text = json.RootElement.GetProperty("text").GetString()!;
            if (text.Length > 3000)
                texts.Add(text);
        }
        return texts;
    }

    public static string Lines(IEnumerable<string?> texts) =>
        string.Concat(texts.Select(text => JsonSerializer.Serialize(new { text }) + "\n"));
}
