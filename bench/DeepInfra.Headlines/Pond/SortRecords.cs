// SPDX-License-Identifier: MIT
using System.Text;
using DuckDB.NET.Data;

namespace DeepInfra.Headlines.Pond;

/// <summary>
/// Random records of 100 bytes: a key of 10 and a payload of 88 characters out of 64, a tab and a line feed.
/// They lie in a text file for GNU sort and, the same rows, in Parquet files.
/// </summary>
internal sealed class SortRecords
{
    public const int RecordBytes = 100;
    public const int KeyBytes = 10;
    private const int Files = 4;
    private const int BlockRecords = 4096;

    private SortRecords(string text, string parquet, long count, (long, string) fingerprint)
    {
        TextFile = text;
        ParquetDirectory = parquet;
        Count = count;
        Fingerprint = fingerprint;
    }

    public string TextFile { get; }

    public string ParquetDirectory { get; }

    public long Count { get; }

    /// <summary>Rows and the sum of their hashes, which do not depend on their order.</summary>
    public (long Rows, string Hash) Fingerprint { get; }

    public static SortRecords Create(string directory, long count, int seed, DuckDBConnection duck)
    {
        var text = Path.Combine(directory, "records.txt");
        WriteText(text, count, seed);
        var parquet = Path.Combine(directory, "input");
        Directory.CreateDirectory(parquet);
        // Parts by line number: each file holds a random subset of the keys, as crawled data would.
        for (var i = 0; i < Files; i++)
        {
            var (from, to) = (count * i / Files, count * (i + 1) / Files);
            Execute(
                duck,
                $"""
                COPY (SELECT * FROM read_csv('{text}', header=false, delim='\t', quote='', escape='',
                      columns={'{'}'key': 'VARCHAR', 'payload': 'VARCHAR'{'}'}) LIMIT {to
                    - from} OFFSET {from})
                TO '{parquet}/input-{i}.parquet' (FORMAT parquet, COMPRESSION lz4_raw)
                """
            );
        }
        return new SortRecords(text, parquet, count, FingerprintOf(duck, parquet + "/*.parquet"));
    }

    public static (long Rows, string Hash) FingerprintOf(DuckDBConnection duck, string pattern)
    {
        using var command = duck.CreateCommand();
        command.CommandText =
            $"SELECT count(*), sum(hash(key, payload))::VARCHAR FROM read_parquet('{pattern}')";
        using var reader = command.ExecuteReader();
        reader.Read();
        return (reader.GetInt64(0), reader.GetString(1));
    }

    /// <summary>Throws unless the files, in this order, hold the records in rising order of their keys.</summary>
    public void Check(DuckDBConnection duck, string what, IReadOnlyList<string> files)
    {
        string? last = null;
        var rows = 0L;
        foreach (var file in files)
        {
            using var command = duck.CreateCommand();
            // Without parallelism the file's own order reaches the window function.
            command.CommandText = $"""
                SELECT count(*), min(key), max(key), coalesce(sum((key < before)::INT), 0)::BIGINT
                FROM (SELECT key, lag(key) OVER (ORDER BY file_row_number) AS before
                      FROM read_parquet('{file}', file_row_number=true))
                """;
            using var reader = command.ExecuteReader();
            reader.Read();
            rows += reader.GetInt64(0);
            if (reader.GetInt64(0) == 0)
            {
                continue;
            }
            if (
                reader.GetInt64(3) != 0
                || (last is not null && string.CompareOrdinal(reader.GetString(1), last) < 0)
            )
            {
                throw new InvalidOperationException($"{what}: {file} is not in order.");
            }
            last = reader.GetString(2);
        }
        var all = FingerprintOf(duck, Path.GetDirectoryName(files[0]) + "/*.parquet");
        if (rows != Count || all != Fingerprint)
        {
            throw new InvalidOperationException($"{what}: expected {Fingerprint}, got {all}.");
        }
    }

    public static void Execute(DuckDBConnection duck, string sql)
    {
        using var command = duck.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static void WriteText(string path, long count, int seed)
    {
        var alphabet = Encoding.ASCII.GetBytes(
            "+-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        );
        var random = new Random(seed);
        var block = new byte[BlockRecords * RecordBytes];
        using var file = File.Create(path);
        for (var done = 0L; done < count; done += BlockRecords)
        {
            random.GetItems(alphabet, block);
            for (var i = 0; i < BlockRecords; i++)
            {
                block[(i * RecordBytes) + KeyBytes] = (byte)'\t';
                block[(i * RecordBytes) + RecordBytes - 1] = (byte)'\n';
            }
            file.Write(block, 0, (int)Math.Min(BlockRecords, count - done) * RecordBytes);
        }
    }
}
