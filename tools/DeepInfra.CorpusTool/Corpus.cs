// SPDX-License-Identifier: MIT
using System.IO.Compression;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace DeepInfra.CorpusTool;

/// <summary>
/// Cuts the chapters of Moby-Dick and the State of the Union addresses since 1961 into documents of a few
/// thousand characters, each ending with a sentence, and writes them as gzipped JSON lines.
/// </summary>
internal static class Corpus
{
    private const int TargetLength = 4_000;
    private const int FirstYear = 1961;

    private static readonly JsonSerializerOptions s_json = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
    };

    public static int Build(string mobyDick, string sotu, string output)
    {
        var documents = new List<Document>();
        foreach (var file in Files(mobyDick, "chapter_*.json"))
        {
            using var json = JsonDocument.Parse(File.ReadAllText(file));
            var chapter = json.RootElement.GetProperty("chapter").ToString();
            var title = json.RootElement.GetProperty("title").GetString()!;
            Add(
                documents,
                $"moby-dick/{chapter}",
                title,
                json.RootElement.GetProperty("text").GetString()!
            );
        }
        foreach (var file in Files(sotu, "????_*.json"))
        {
            using var json = JsonDocument.Parse(File.ReadAllText(file));
            var year = json.RootElement.GetProperty("year").GetInt32();
            if (year < FirstYear)
                continue;
            var title =
                $"State of the Union {year}, {json.RootElement.GetProperty("name").GetString()}";
            var id = $"sotu/{Path.GetFileNameWithoutExtension(file)}";
            Add(documents, id, title, json.RootElement.GetProperty("text").GetString()!);
        }

        using var stream = new GZipStream(File.Create(output), CompressionLevel.SmallestSize);
        foreach (var document in documents)
        {
            stream.Write(JsonSerializer.SerializeToUtf8Bytes(document, s_json));
            stream.Write("\n"u8);
        }
        Console.WriteLine(
            $"{documents.Count} documents, {documents.Sum(d => Encoding.UTF8.GetByteCount(d.Text))} bytes of text"
        );
        return 0;
    }

    private static IEnumerable<string> Files(string folder, string pattern) =>
        Directory.EnumerateFiles(folder, pattern).Order(StringComparer.Ordinal);

    private static void Add(List<Document> documents, string id, string title, string text)
    {
        text = text.ReplaceLineEndings("\n").Trim();
        var part = 0;
        for (var start = 0; start < text.Length; )
        {
            var end = SentenceEnd(text, start + TargetLength);
            documents.Add(new Document($"{id}#{part++}", title, text[start..end].Trim()));
            start = end;
        }
    }

    private static int SentenceEnd(string text, int from)
    {
        for (var i = from; i < text.Length - 1; i++)
            if ((text[i] is '.' or '!' or '?') && char.IsWhiteSpace(text[i + 1]))
                return i + 1;
        return text.Length;
    }

    private sealed record Document(string Id, string Title, string Text);
}
