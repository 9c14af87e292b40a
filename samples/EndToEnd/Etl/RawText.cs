// SPDX-License-Identifier: MIT
using System.Text;
using System.Text.Json;

namespace EndToEnd.Etl;

/// <summary>
/// Brings the input onto 3FS as it is; plain text becomes JSON lines, cut into documents of about 4,000 characters.
/// The folder appears under its name only when it is whole, and replaces that of an earlier run.
/// </summary>
internal static class RawText
{
    public const string Folder = "/raw";

    /// <summary>The folder as Pond names it.</summary>
    public const string Source = "3fs:/" + Folder;

    private const string Draft = "/raw.tmp";

    private static readonly UTF8Encoding s_strictUtf8 = new(false, throwOnInvalidBytes: true);

    public static async Task<RawFormat> UploadAsync(RunContext run)
    {
        await run.Files.DeleteAsync(Draft, recursive: true, run.CancellationToken);
        await run.Files.CreateDirectoryAsync(Draft, run.CancellationToken);
        var format = run.Options.Input is { } input
            ? await UploadAsync(run, input)
            : await UploadShippedAsync(run);
        await run.Files.DeleteAsync(Folder, recursive: true, run.CancellationToken);
        await run.Files.RenameAsync(Draft, Folder, run.CancellationToken);
        return format;
    }

    /// <summary>Where a text is cut: the first line end after the length that documents should have, else the first blank.</summary>
    internal static IEnumerable<string> Documents(string text)
    {
        const int length = 4_000;
        for (var start = 0; start < text.Length; )
        {
            var end = Math.Min(start + length, text.Length);
            if (end < text.Length)
            {
                var window = text.AsSpan(end, Math.Min(length, text.Length - end));
                var cut = window.IndexOf('\n');
                if (cut < 0)
                    cut = window.IndexOf(' ');
                end = cut < 0 ? end + window.Length : end + cut + 1;
                if (end < text.Length && char.IsLowSurrogate(text[end]))
                    end++;
            }
            if (text[start..end].Trim() is { Length: > 0 } document)
                yield return document;
            start = end;
        }
    }

    private static async Task<RawFormat> UploadShippedAsync(RunContext run)
    {
        await CopyAsync(run, ShippedData.Corpus, "corpus.jsonl.gz");
        return RawFormat.JsonLines;
    }

    private static async Task<RawFormat> UploadAsync(RunContext run, string input)
    {
        if (!Directory.Exists(input))
            throw new DirectoryNotFoundException(
                File.Exists(input)
                    ? $"--input: '{input}' is a file; give the folder that holds it"
                    : $"--input: the folder '{input}' does not exist"
            );
        var files = Directory.EnumerateFiles(input).Order(StringComparer.Ordinal).ToList();
        List<string> With(params string[] endings) =>
            [.. files.Where(f => endings.Any(e => f.EndsWith(e, StringComparison.Ordinal)))];
        var parquet = With(".parquet");
        var lines = With(".jsonl", ".jsonl.gz");
        var text = With(".txt");
        if (parquet.Count > 0 && lines.Count + text.Count > 0)
            throw new InvalidDataException(
                $"--input: '{input}' mixes .parquet with other files; give one kind"
            );
        if (parquet.Count + lines.Count + text.Count == 0)
            throw new InvalidDataException(
                $"--input: '{input}' has no .txt, .jsonl, .jsonl.gz or .parquet file"
            );
        foreach (var file in lines)
            await JsonLines.RequireValidAsync(file, run.CancellationToken);
        foreach (var file in parquet.Concat(lines))
            await CopyAsync(run, file, Path.GetFileName(file));
        if (text.Count > 0)
            await WriteDocumentsAsync(run, text);
        return parquet.Count > 0 ? RawFormat.Parquet : RawFormat.JsonLines;
    }

    private static async Task CopyAsync(RunContext run, string source, string name)
    {
        await using var from = File.OpenRead(source);
        await using var file = await run.Files.CreateAsync(
            $"{Draft}/{name}",
            cancellationToken: run.CancellationToken
        );
        await using var to = file.AsStream();
        await from.CopyToAsync(to, run.CancellationToken);
        await to.FlushAsync(run.CancellationToken);
    }

    private static async Task WriteDocumentsAsync(RunContext run, IEnumerable<string> files)
    {
        await using var file = await run.Files.CreateAsync(
            // A name that no file of the input has.
            $"{Draft}/plain-text.txt.jsonl",
            cancellationToken: run.CancellationToken
        );
        await using var stream = file.AsStream();
        foreach (var path in files)
        foreach (var text in Documents(await ReadAsync(path, run.CancellationToken)))
        {
            var line = JsonSerializer.SerializeToUtf8Bytes(new { text });
            await stream.WriteAsync(line, run.CancellationToken);
            stream.WriteByte((byte)'\n');
        }
        await stream.FlushAsync(run.CancellationToken);
    }

    private static async Task<string> ReadAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            return await File.ReadAllTextAsync(path, s_strictUtf8, cancellationToken);
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException($"--input: '{path}' is not UTF-8 text", e);
        }
    }
}
