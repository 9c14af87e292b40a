// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Engine;

namespace DeepInfra.Pond.Execution;

/// <summary>Files of one format that make up (part of) a partition.</summary>
internal sealed class FileSet(FileFormat format, PondSchema? schema, IReadOnlyList<DataFile> files)
{
    public FileFormat Format => format;

    public PondSchema? Schema => schema;

    public IReadOnlyList<DataFile> Files => files;

    /// <summary>Rows of all files, or -1 when a file's count is unknown.</summary>
    public long Rows
    {
        get
        {
            var sum = 0L;
            foreach (var file in files)
            {
                if (file.Rows < 0)
                {
                    return DataFile.Unknown;
                }

                sum += file.Rows;
            }

            return sum;
        }
    }

    public long Bytes => files.Sum(f => f.Bytes);

    public static long TotalRows(IEnumerable<FileSet> sets)
    {
        var sum = 0L;
        foreach (var set in sets)
        {
            var rows = set.Rows;
            if (rows < 0)
            {
                return DataFile.Unknown;
            }

            sum += rows;
        }

        return sum;
    }

    /// <summary>A query that returns the rows of all sets, in file order.</summary>
    public static string Relation(
        IReadOnlyList<FileSet> sets,
        Func<FileSet, DataFile, string> localPath
    )
    {
        var parts = new List<string>();
        var whole = new List<string>();
        FileFormat? wholeFormat = null;

        void Flush()
        {
            if (whole.Count > 0)
            {
                parts.Add(wholeFormat!.Select(whole));
                whole.Clear();
            }
        }

        foreach (var set in sets)
        {
            foreach (var file in set.Files)
            {
                if (file.Rows == 0)
                {
                    continue;
                }

                if (file.Memory is { } rows)
                {
                    Flush();
                    parts.Add(rows.Select(file.Begin, file.IsWhole ? file.Rows : file.End));
                    continue;
                }

                if (!file.IsWhole)
                {
                    Flush();
                    parts.Add(set.Format.SelectRange(localPath(set, file), file.Begin, file.End));
                    continue;
                }

                if (wholeFormat is not null && !wholeFormat.Equals(set.Format))
                {
                    Flush();
                }

                wholeFormat = set.Format;
                whole.Add(localPath(set, file));
            }
        }

        Flush();
        if (parts.Count > 0)
        {
            return string.Join("\nUNION ALL\n", parts);
        }

        var schema =
            sets.Select(s => s.Schema).FirstOrDefault(s => s is not null)
            ?? throw new PondSchemaException(
                "A partition has no rows and its columns are unknown; state the schema of its source."
            );
        return SqlText.EmptySelect(schema);
    }
}
