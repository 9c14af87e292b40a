// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using ZstdSharp;

namespace DeepInfra.Pond.Execution;

/// <summary>
/// Copies the lines of a file that are JSON objects and writes the others to the quarantine directory. A blank
/// line takes the place of each of those, so that later messages count lines as the file does.
/// DuckDB's own option to skip errors turns bad lines into NULL rows and loses good ones after them.
/// </summary>
internal static class JsonLineFilter
{
    public static string Run(
        JobRuntime job,
        string path,
        string displayPath,
        JsonReadOptions options,
        string target,
        CancellationToken cancellation
    )
    {
        var bad = 0L;
        StreamWriter? quarantine = null;
        try
        {
            using var input = TextInput.Open(path);
            using var output = new FileStream(
                target,
                FileMode.Create,
                FileAccess.Write,
                FileShare.None,
                1 << 20
            );
            var number = 0L;
            foreach (var line in ReadLines(input, options.MaxObjectBytes))
            {
                number++;
                if ((number & 1023) == 0)
                {
                    cancellation.ThrowIfCancellationRequested();
                }

                var reason = Check(line.Span);
                if (reason is null)
                {
                    output.Write(line.Span);
                    output.WriteByte((byte)'\n');
                }
                else if (reason.Length > 0)
                {
                    if (++bad > options.MaxBadRows)
                    {
                        throw new PondDataException(
                            FormattableString.Invariant(
                                $"Input file {displayPath}: more than {options.MaxBadRows} bad lines, the last at line {number}: {reason}"
                            )
                        )
                        {
                            File = displayPath,
                            Line = number,
                        };
                    }

                    quarantine ??= OpenQuarantine(job, displayPath);
                    WriteBad(quarantine, displayPath, number, reason, line.Span);
                    output.WriteByte((byte)'\n');
                }
                else
                {
                    output.WriteByte((byte)'\n');
                }
            }
        }
        catch (Exception e)
            when (e is InvalidDataException or EndOfStreamException or ZstdException)
        {
            throw new PondCorruptFileException(
                $"Input file {displayPath} cannot be read: {e.Message}",
                e
            )
            {
                File = displayPath,
            };
        }
        finally
        {
            quarantine?.Dispose();
        }

        return target;
    }

    internal static IEnumerable<ReadOnlyMemory<byte>> ReadLines(Stream stream, int maxBytes)
    {
        var buffer = new byte[1 << 16];
        int start = 0,
            end = 0;
        while (true)
        {
            var scan = start;
            int newline;
            while ((newline = buffer.AsSpan(scan, end - scan).IndexOf((byte)'\n')) < 0)
            {
                scan = end;
                if (end == buffer.Length)
                {
                    if (start > 0)
                    {
                        buffer.AsSpan(start, end - start).CopyTo(buffer);
                    }
                    else
                    {
                        if (buffer.Length > maxBytes || buffer.Length == Array.MaxLength)
                        {
                            throw new InvalidDataException(
                                $"A line is longer than {maxBytes} bytes."
                            );
                        }

                        Array.Resize(
                            ref buffer,
                            (int)Math.Min(2L * buffer.Length, Array.MaxLength)
                        );
                    }

                    scan -= start;
                    end -= start;
                    start = 0;
                }

                var read = stream.Read(buffer, end, buffer.Length - end);
                if (read == 0)
                {
                    if (end > start)
                    {
                        yield return buffer.AsMemory(start, end - start);
                    }

                    yield break;
                }

                end += read;
            }

            yield return buffer.AsMemory(start, scan + newline - start);
            start = scan + newline + 1;
        }
    }

    /// <summary>Null for an object, "" for a blank line, else what is wrong.</summary>
    private static string? Check(ReadOnlySpan<byte> line)
    {
        var text = line.Trim(" \t\r"u8);
        if (text.IsEmpty)
        {
            return "";
        }

        if (text[0] != (byte)'{')
        {
            return "not an object";
        }

        try
        {
            var reader = new Utf8JsonReader(text);
            while (reader.Read())
            {
                if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName)
                {
                    CheckText(ref reader);
                }
            }

            return null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return e.Message;
        }
    }

    /// <summary>Finds invalid UTF-8 and escapes, which the tokenizer leaves unchecked.</summary>
    private static void CheckText(ref Utf8JsonReader reader)
    {
        if (!reader.ValueIsEscaped)
        {
            if (!Utf8.IsValid(reader.ValueSpan))
            {
                throw new InvalidOperationException("invalid UTF-8 in a string");
            }

            return;
        }

        // Not as a string, which cannot be as long as a line can.
        var buffer = ArrayPool<byte>.Shared.Rent(reader.ValueSpan.Length);
        try
        {
            _ = reader.CopyString(buffer);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static StreamWriter OpenQuarantine(JobRuntime job, string displayPath)
    {
        Directory.CreateDirectory(job.Directory.Quarantine);
        var name = new KeyBuilder().Add(displayPath).Build();
        return new StreamWriter(
            Path.Combine(job.Directory.Quarantine, name + ".jsonl"),
            append: false,
            new UTF8Encoding(false)
        );
    }

    private static void WriteBad(
        StreamWriter writer,
        string path,
        long line,
        string reason,
        ReadOnlySpan<byte> text
    )
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("file", path);
            json.WriteNumber("line", line);
            json.WriteString("reason", reason);
            json.WriteString(
                "text",
                Encoding.UTF8.GetString(text[..Math.Min(text.Length, 65_536)])
            );
            json.WriteEndObject();
        }

        writer.WriteLine(Encoding.UTF8.GetString(buffer.WrittenSpan));
    }
}
