// SPDX-License-Identifier: MIT
using System.IO.Compression;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;

namespace EndToEnd.Etl;

/// <summary>Reads files with one JSON object per line, plain or gzipped.</summary>
internal static class JsonLines
{
    // Otherwise a gzip file that is cut off simply ends.
    static JsonLines() => AppContext.SetSwitch("System.IO.Compression.UseStrictValidation", true);

    /// <summary>Reads a local file to its end, so that a damaged one is refused by name and line before any work.</summary>
    /// <exception cref="InvalidDataException">The file is damaged, cut off or has a line that is no JSON object.</exception>
    public static async Task RequireValidAsync(string path, CancellationToken cancellationToken)
    {
        await using var file = File.OpenRead(path);
        await foreach (var _ in ReadAsync(file, path, cancellationToken)) { }
    }

    /// <summary>The value "text" of every line; null where a line has none.</summary>
    /// <param name="stream">The file's bytes.</param>
    /// <param name="path">Name of the file, for messages; one that ends with .gz is decompressed.</param>
    public static async IAsyncEnumerable<string?> ReadAsync(
        Stream stream,
        string path,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        await using var plain = path.EndsWith(".gz", StringComparison.Ordinal)
            ? new GZipStream(stream, CompressionMode.Decompress, leaveOpen: true)
            : stream;
        using var lines = new StreamReader(plain, new UTF8Encoding(false, true), false, 1 << 16);
        for (var number = 1; ; number++)
        {
            string? line;
            try
            {
                line = await lines.ReadLineAsync(cancellationToken);
            }
            catch (Exception e) when (e is InvalidDataException or DecoderFallbackException)
            {
                throw new InvalidDataException(
                    $"'{path}' is damaged or cut off at line {number}: {e.Message}",
                    e
                );
            }
            if (line is null)
                yield break;
            if (!string.IsNullOrWhiteSpace(line))
                yield return Text(line, path, number);
        }
    }

    private static string? Text(string line, string path, int number)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            if (json.RootElement.ValueKind != JsonValueKind.Object)
                throw new JsonException(
                    $"expected an object, got {json.RootElement.ValueKind}",
                    path,
                    0,
                    0
                );
            return
                !json.RootElement.TryGetProperty("text", out var text)
                || text.ValueKind == JsonValueKind.Null
                ? null
                : text.ToString();
        }
        catch (JsonException e)
        {
            throw new InvalidDataException(
                FormattableString.Invariant(
                    $"'{path}' line {number} is not a JSON object: {e.Message.Split(" LineNumber:")[0]} (byte {e.BytePositionInLine})"
                )
            );
        }
    }
}
