// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace EndToEnd.Etl;

/// <summary>Brings the input onto 3FS as it is; plain text becomes JSON lines, one document per file.</summary>
internal static class RawText
{
    public const string Folder = "/raw";

    public static async Task<RawFormat> UploadAsync(RunContext run)
    {
        await run.Files.CreateDirectoryAsync(Folder, run.CancellationToken);
        if (run.Options.Input is not { } input)
        {
            await CopyAsync(run, ShippedData.Corpus, "corpus.jsonl.gz");
            return RawFormat.JsonLines;
        }
        if (!Directory.Exists(input))
            throw new DirectoryNotFoundException($"--input: the folder '{input}' does not exist");
        var files = Directory.EnumerateFiles(input).Order(StringComparer.Ordinal).ToList();
        var parquet = files.Where(f => f.EndsWith(".parquet", StringComparison.Ordinal)).ToList();
        var lines = files
            .Where(f =>
                f.EndsWith(".jsonl", StringComparison.Ordinal)
                || f.EndsWith(".jsonl.gz", StringComparison.Ordinal)
            )
            .ToList();
        var text = files.Where(f => f.EndsWith(".txt", StringComparison.Ordinal)).ToList();
        if (parquet.Count > 0 && lines.Count + text.Count > 0)
            throw new InvalidDataException(
                $"--input: '{input}' mixes .parquet with other files; give one kind"
            );
        if (parquet.Count + lines.Count + text.Count == 0)
            throw new InvalidDataException(
                $"--input: '{input}' has no .txt, .jsonl, .jsonl.gz or .parquet file"
            );
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
            $"{Folder}/{name}",
            cancellationToken: run.CancellationToken
        );
        await using var to = file.AsStream();
        await from.CopyToAsync(to, run.CancellationToken);
        await to.FlushAsync(run.CancellationToken);
    }

    private static async Task WriteDocumentsAsync(RunContext run, IEnumerable<string> files)
    {
        await using var file = await run.Files.CreateAsync(
            $"{Folder}/text.jsonl",
            cancellationToken: run.CancellationToken
        );
        await using var stream = file.AsStream();
        foreach (var path in files)
        {
            var text = await File.ReadAllTextAsync(path, run.CancellationToken);
            var line = JsonSerializer.SerializeToUtf8Bytes(
                new
                {
                    id = Path.GetFileName(path),
                    title = "",
                    text,
                }
            );
            await stream.WriteAsync(line, run.CancellationToken);
            stream.WriteByte((byte)'\n');
        }
        await stream.FlushAsync(run.CancellationToken);
    }
}
