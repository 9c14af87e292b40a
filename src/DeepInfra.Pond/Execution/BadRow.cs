// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Text.RegularExpressions;
using DeepInfra.Pond.Storage;
using ZstdSharp;

namespace DeepInfra.Pond.Execution;

/// <summary>
/// A row of a text file that cannot be read. DuckDB counts lines from where one of its buffers or threads began,
/// so after an error the file is read again in pieces, until one row is left that fails on its own.
/// </summary>
/// <param name="Line">Line on which the row begins, counted from 1 over the whole file.</param>
/// <param name="Reason">What is wrong, with DuckDB's words and the right line.</param>
internal sealed partial record BadRow(long Line, string Reason)
{
    private const int PieceBytes = 4 << 20;

    /// <summary>The first row that cannot be read, or null when each can.</summary>
    /// <param name="job">Gives a directory for the pieces.</param>
    /// <param name="format">CSV or JSON lines with known columns.</param>
    /// <param name="path">The file on the local disk.</param>
    /// <param name="display">How messages name the file.</param>
    /// <param name="read">Reads all rows of a query and returns the error, or null.</param>
    /// <param name="cancellation">Gives the search up.</param>
    public static BadRow? Find(
        JobRuntime job,
        FileFormat format,
        string path,
        string display,
        Func<string, PondTaskException?> read,
        CancellationToken cancellation
    )
    {
        var directory = job.NewTempDirectory("rows");
        try
        {
            var search = new Search(format, Path.Combine(directory, "rows.txt"), display, read);
            return search.Run(path, cancellation);
        }
        finally
        {
            DirectoryTools.TryDelete(directory);
        }
    }

    private sealed class Search(
        FileFormat format,
        string piecePath,
        string display,
        Func<string, PondTaskException?> read
    )
    {
        private readonly CsvReadOptions? _csv = (format as CsvFileFormat)?.Options;
        private readonly FileFormat _pieceFormat = format is CsvFileFormat csv
            ? csv with
            {
                Options = csv.Options with { Header = false },
            }
            : format;
        private readonly List<(long Line, int Offset)> _rows = [];
        private readonly ArrayBufferWriter<byte> _piece = new(1 << 16);

        public BadRow? Run(string path, CancellationToken cancellation)
        {
            var limit = _csv?.MaxLineBytes ?? ((JsonFileFormat)format).Options.MaxObjectBytes;
            var rows = _csv is null ? null : new CsvRows(_csv);
            var number = 0L;
            var inside = false;
            try
            {
                using var input = TextInput.Open(path);
                foreach (var line in JsonLineFilter.ReadLines(input, limit))
                {
                    cancellation.ThrowIfCancellationRequested();
                    number++;
                    if (!inside)
                    {
                        _rows.Add((number, _piece.WrittenCount));
                    }

                    _piece.Write(line.Span);
                    _piece.Write("\n"u8);
                    inside = rows is not null && rows.ContinuesAfter(line.Span);
                    if (inside && _piece.WrittenCount - _rows[^1].Offset > limit)
                    {
                        return Check(_rows.Count - 1) ?? TooLong(_rows[^1].Line, limit);
                    }

                    if (!inside && _rows is [(1, 0)] && _csv is { Header: true })
                    {
                        Clear();
                    }
                    else if (!inside && _piece.WrittenCount >= PieceBytes)
                    {
                        if (Check(_rows.Count) is { } bad)
                        {
                            return bad;
                        }

                        Clear();
                    }
                }
            }
            catch (InvalidDataException) when (!IsCompressed(path))
            {
                return Check(_rows.Count) ?? TooLong(number + 1, limit);
            }
            catch (Exception e)
                when (e is InvalidDataException or EndOfStreamException or ZstdException)
            {
                // The compressed data are damaged, which is not the fault of a row.
                return null;
            }

            return Check(_rows.Count);
        }

        private static bool IsCompressed(string path) =>
            path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase)
            || path.EndsWith(".zst", StringComparison.OrdinalIgnoreCase);

        private static BadRow TooLong(long line, int limit) =>
            new(
                line,
                FormattableString.Invariant(
                    $"line {line}: a row is longer than {limit} bytes; a quote may not be closed."
                )
            );

        private void Clear()
        {
            _rows.Clear();
            _piece.ResetWrittenCount();
        }

        /// <summary>The first bad row among the first ones of the piece.</summary>
        private BadRow? Check(int count)
        {
            if (count == 0 || Read(0, count) is null)
            {
                return null;
            }

            var (low, high) = (0, count);
            while (high - low > 1)
            {
                var middle = (low + high) / 2;
                if (Read(low, middle) is null)
                {
                    low = middle;
                }
                else
                {
                    high = middle;
                }
            }

            if (Read(low, high) is not { } error)
            {
                return null;
            }

            var line = _rows[low].Line;
            var text = error.Message.Replace(piecePath, display, StringComparison.Ordinal);
            return new BadRow(
                line,
                LineRegex()
                    .Replace(
                        text,
                        m => FormattableString.Invariant($"{m.Groups[1].Value}{line}"),
                        1
                    )
            );
        }

        private PondTaskException? Read(int from, int to)
        {
            var start = _rows[from].Offset;
            var end = to < _rows.Count ? _rows[to].Offset : _piece.WrittenCount;
            using (var file = File.Create(piecePath))
            {
                file.Write(_piece.WrittenSpan[start..end]);
            }

            return read(_pieceFormat.Select([piecePath]));
        }
    }

    [GeneratedRegex(@"(\bLine: | in line |\bline )\d+", RegexOptions.CultureInvariant)]
    private static partial Regex LineRegex();
}
