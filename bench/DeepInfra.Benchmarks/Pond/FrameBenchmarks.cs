// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.Pond;
using DuckDB.NET.Data;

namespace DeepInfra.Benchmarks.Pond;

/// <summary>Shuffle and global sort of random rows from Parquet files to Parquet files.</summary>
[MemoryDiagnoser]
public class FrameBenchmarks
{
    private string _root = "";
    private int _run;

    /// <summary>Rows of about 100 bytes.</summary>
    [Params(1_000_000)]
    public int Rows { get; set; }

    /// <summary>Partitions of the result.</summary>
    [Params(4, 16, 256)]
    public int Partitions { get; set; }

    /// <summary>Writes the input.</summary>
    [GlobalSetup]
    public async Task SetupAsync()
    {
        _root = Directory.CreateTempSubdirectory("pond-bench-").FullName;
        await using var pond = await OpenAsync();
        await pond.SqlPerPartition(
                $"select hash(range) as key, sha256(range::varchar) || left(md5(range::varchar), 20) as payload from range({Rows})"
            )
            .RepartitionByRows(4)
            .WriteParquetAsync(Path.Combine(_root, "input"));
    }

    /// <summary>Removes all files.</summary>
    [GlobalCleanup]
    public void Cleanup() => Directory.Delete(_root, true);

    /// <summary>Hash partition.</summary>
    [Benchmark]
    public Task<long> Shuffle() => RunAsync(rows => rows.RepartitionByHash(Partitions, "key"));

    /// <summary>Hash partition without the final write: the first of its two passes.</summary>
    [Benchmark]
    public async Task<long> ShuffleOnly()
    {
        await using var pond = await OpenAsync();
        var rows = pond.ReadParquet(Path.Combine(_root, "input"));
        return (await rows.RepartitionByHash(Partitions, "key").ComputeAsync()).PartitionRows.Sum();
    }

    /// <summary>What <see cref="ShuffleOnly"/> does, as one statement of DuckDB with equal options.</summary>
    [Benchmark]
    public int DuckPartitionedCopy()
    {
        var output = Path.Combine(_root, $"duck-{_run++}");
        using var duck = new DuckDBConnection("Data Source=:memory:");
        duck.Open();
        using var command = duck.CreateCommand();
        command.CommandText = $"""
            SET threads=2;
            SET preserve_insertion_order=false;
            COPY (SELECT *, hash(key::VARCHAR) % {Partitions} AS part FROM read_parquet('{_root}/input/*.parquet'))
            TO '{output}' (FORMAT parquet, COMPRESSION lz4_raw, ROW_GROUP_SIZE 122880, DICTIONARY_SIZE_LIMIT 4096, PARTITION_BY (part))
            """;
        command.ExecuteNonQuery();
        var files = Directory.GetFiles(output, "*.parquet", SearchOption.AllDirectories).Length;
        Directory.Delete(output, true);
        return files;
    }

    /// <summary>Range partition and one sort per partition.</summary>
    [Benchmark]
    public Task<long> Sort() => RunAsync(rows => rows.OrderBy(Partitions, "key"));

    private async Task<long> RunAsync(Func<PondFrame, PondFrame> step)
    {
        var output = Path.Combine(_root, $"out-{_run++}");
        await using var pond = await OpenAsync();
        var result = await step(pond.ReadParquet(Path.Combine(_root, "input")))
            .WriteParquetAsync(output);
        Directory.Delete(output, true);
        return result.Rows;
    }

    private ValueTask<PondSession> OpenAsync() =>
        PondSession.CreateAsync(
            new PondOptions
            {
                DataRoot = Path.Combine(_root, "data"),
                Cores = 2,
                RandomSeed = 7,
                Durability = Durability.None,
            }
        );
}
