// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Engine;

namespace DeepInfra.Pond.Execution;

/// <summary>Deals the files of all inputs to n slots: contiguous groups, the first ones one file larger.</summary>
internal sealed class SplitFilesWork(int count) : TaskWork
{
    public override bool MetadataOnly => true;

    public override int Slots => count;

    public override void AppendKey(KeyBuilder key) => key.Add("split-files").Add(count);

    public override TaskOutput Run(TaskContext context)
    {
        var sets = context.Sets(0);
        var items = sets.SelectMany(s => s.Files.Select(f => (Set: s, File: f))).ToArray();
        return new TaskOutput { Slots = Deal(sets, items, count) };
    }

    internal static FileSet[] Deal(
        IReadOnlyList<FileSet> sets,
        IReadOnlyList<(FileSet Set, DataFile File)> items,
        int count
    )
    {
        var slots = new FileSet[count];
        var position = 0;
        for (var k = 0; k < count; k++)
        {
            var take = items.Count / count + (k < items.Count % count ? 1 : 0);
            slots[k] = Group(sets, items.Skip(position).Take(take).ToArray());
            position += take;
        }

        return slots;
    }

    internal static FileSet Group(
        IReadOnlyList<FileSet> sets,
        IReadOnlyList<(FileSet Set, DataFile File)> items
    )
    {
        var first =
            items.Count > 0 ? items[0].Set
            : sets.Count > 0 ? sets[0]
            : null;
        if (items.Any(i => !i.Set.Format.Equals(first!.Format)))
        {
            throw new PondPlanException(
                "A split mixes files of different formats; write them to one format first."
            );
        }

        return new FileSet(
            first?.Format ?? FileFormat.StoredParquet,
            first?.Schema,
            items.Select(i => i.File).ToArray()
        );
    }
}

/// <summary>
/// Cuts the rows of all inputs into n slots whose sizes differ by at most one row: partition k of the R
/// rows left takes ceil(R / partitions left). No file is rewritten.
/// </summary>
/// <param name="count">Slots.</param>
/// <param name="minRows">Rows for which a slot is worth its cost; with fewer, some slots stay empty. 0: use all.</param>
/// <param name="multiple">Slots in use are a multiple of this, or fewer than it.</param>
internal sealed class SplitRowsWork(int count, long minRows, int multiple = 1) : TaskWork
{
    public override bool MetadataOnly => true;

    public override int Slots => count;

    public override void AppendKey(KeyBuilder key) =>
        key.Add("split-rows").Add(count).Add(minRows).Add(multiple);

    public override TaskOutput Run(TaskContext context)
    {
        var sets = context.Sets(0);
        var files = RowCounts.Resolve(context, sets);
        // Before files without rows are left out: those of other formats do not say how many they have.
        if (
            files.FirstOrDefault(i => i.File.Rows != 0 && !i.Set.Format.SupportsRowRanges).Set is
            { } bad
        )
        {
            throw new PondPlanException(
                $"Only Parquet can be split by rows, got {bad.Format.Describe()}; use RepartitionByFiles."
            );
        }

        var items = files.Where(i => i.File.Rows > 0).ToArray();
        var total = items.Sum(i => i.File.Rows);
        var used = Used(total);
        var slots = new FileSet[count];
        var index = 0;
        var offset = 0L;
        var left = total;
        for (var k = 0; k < count; k++)
        {
            var want = k < used ? (left + (used - k) - 1) / (used - k) : 0;
            left -= want;
            var parts = new List<(FileSet, DataFile)>();
            while (want > 0)
            {
                var (set, file) = items[index];
                var take = Math.Min(want, file.Rows - offset);
                parts.Add((set, take == file.Rows ? file : file.Slice(offset, offset + take)));
                want -= take;
                offset += take;
                if (offset == file.Rows)
                {
                    index++;
                    offset = 0;
                }
            }

            slots[k] = SplitFilesWork.Group(sets, parts);
        }

        return new TaskOutput { Slots = slots };
    }

    internal int Used(long rows)
    {
        if (minRows == 0)
        {
            return count;
        }

        var used = (int)Math.Clamp((rows + minRows - 1) / minRows, 1, count);
        return used > multiple ? used / multiple * multiple : used;
    }
}

/// <summary>Row counts of files from their Parquet footers.</summary>
internal static class RowCounts
{
    public static IReadOnlyList<(FileSet Set, DataFile File)> Resolve(
        TaskContext context,
        IReadOnlyList<FileSet> sets
    )
    {
        var items = sets.SelectMany(s => s.Files.Select(f => (Set: s, File: f))).ToArray();
        var unknown = items
            .Where(i => i.File.Rows < 0 && i.Set.Format is ParquetFileFormat)
            .ToArray();
        if (unknown.Length == 0)
        {
            return items;
        }

        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        context.WithDuck(duck =>
        {
            foreach (var (set, file) in unknown)
            {
                counts[file.Path] = Count(
                    duck,
                    context.LocalPath(set, file),
                    file.Path,
                    context.Cancellation
                );
            }

            return true;
        });
        return items
            .Select(i =>
                (
                    i.Set,
                    i.File.Rows < 0 && counts.TryGetValue(i.File.Path, out var n)
                        ? i.File with
                        {
                            Rows = n,
                        }
                        : i.File
                )
            )
            .ToArray();
    }

    public static long Count(
        DuckInstance duck,
        string path,
        string display,
        CancellationToken cancellation
    )
    {
        InputChecks.CheckMagic(path, new FileInfo(path).Length, display);
        return duck.Scalar(
            $"SELECT num_rows FROM parquet_file_metadata({SqlText.ReaderPath(path)})",
            cancellation
        );
    }
}
