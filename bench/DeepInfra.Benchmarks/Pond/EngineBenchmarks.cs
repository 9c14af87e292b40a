// SPDX-License-Identifier: MIT
using Apache.Arrow;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using DeepInfra.Pond;
using DuckDB.NET.Data;

namespace DeepInfra.Benchmarks.Pond;

/// <summary>
/// What sessions, tasks and commits add to the engine: each step by Pond, and by DuckDB alone (the baseline) with the
/// same threads, files and formats. A step of Pond opens and closes a session of its own, as DuckDB's opens an instance.
/// </summary>
[GroupBenchmarksBy(BenchmarkLogicalGroupRule.ByCategory)]
[CategoriesColumn]
public class EngineBenchmarks
{
    private const int Files = 4;
    private const int ManyPartitions = 4096;
    private string _root = "";
    private IReadOnlyList<RecordBatch> _batches = [];
    private int _run;

    /// <summary>Rows of about 100 bytes.</summary>
    [Params(2_000_000)]
    public int Rows { get; set; }

    private string Input => Path.Combine(_root, "input");

    private string InputFiles => $"read_parquet('{Input}/*.parquet')";

    /// <summary>Writes the input and keeps a part of it in memory.</summary>
    [GlobalSetup]
    public async Task SetupAsync()
    {
        _root = Directory.CreateTempSubdirectory("pond-bench-").FullName;
        await using var pond = await OpenAsync();
        await pond.SqlPerPartition(
                $"select hash(range) as key, range as id, range % 1000 as code, sha256(range::varchar) as payload from range({Rows})"
            )
            .RepartitionByRows(Files)
            .WriteParquetAsync(Input);
        _batches = await pond.ReadParquet(Input).Select("id, payload").ToArrowAsync();
    }

    /// <summary>Removes all files.</summary>
    [GlobalCleanup]
    public void Cleanup()
    {
        foreach (var batch in _batches)
        {
            batch.Dispose();
        }

        Directory.Delete(_root, true);
    }

    /// <summary>Three columns summed by DuckDB.</summary>
    [Benchmark(Baseline = true), BenchmarkCategory("scan")]
    public object? DuckScan() =>
        Duck($"select sum(id), max(key), sum(code) from {InputFiles} where code < 990");

    /// <summary>The same as one sum per file and a sum of them.</summary>
    [Benchmark, BenchmarkCategory("scan")]
    public async Task<long> PondScan()
    {
        await using var pond = await OpenAsync();
        var rows = pond.ReadParquet(Input)
            .RepartitionByFiles(Files)
            .SqlPerPartition(
                "select sum(id)::bigint as s, max(key) as k, sum(code)::bigint as c from {0} where code < 990"
            );
        return await rows.CountAsync();
    }

    /// <summary>COPY by DuckDB.</summary>
    [Benchmark(Baseline = true), BenchmarkCategory("copy")]
    public object? DuckCopy()
    {
        var output = Path.Combine(_root, $"duck-{_run++}.parquet");
        var rows = Duck(
            $"copy (from {InputFiles}) to '{output}' (format parquet, compression zstd, compression_level 3)"
        );
        File.Delete(output);
        return rows;
    }

    /// <summary>One copy per file; the condition keeps it from linking the files instead.</summary>
    [Benchmark, BenchmarkCategory("copy")]
    public async Task<long> PondCopy()
    {
        var output = Path.Combine(_root, $"out-{_run++}");
        await using var pond = await OpenAsync();
        var result = await pond.ReadParquet(Input)
            .RepartitionByFiles(Files)
            .Where("id >= 0")
            .WriteParquetAsync(output);
        Directory.Delete(output, true);
        return result.Rows;
    }

    /// <summary>All rows to managed code by the data reader of DuckDB.NET.</summary>
    [Benchmark(Baseline = true), BenchmarkCategory("arrow out")]
    public long DuckReader()
    {
        using var duck = OpenDuck();
        using var command = duck.CreateCommand();
        command.CommandText = $"select id, payload from {InputFiles}";
        using var reader = command.ExecuteReader();
        var bytes = 0L;
        while (reader.Read())
        {
            bytes += reader.GetInt64(0) + reader.GetString(1).Length;
        }

        return bytes;
    }

    /// <summary>All rows to managed code as record batches.</summary>
    [Benchmark, BenchmarkCategory("arrow out")]
    public async Task<long> PondArrowOut()
    {
        await using var pond = await OpenAsync();
        var bytes = 0L;
        var rows = pond.ReadParquet(Input).Select("id, payload");
        await foreach (var batch in rows.ToArrowBatchesAsync())
        {
            using (batch)
            {
                var payload = (StringArray)batch.Column(1);
                bytes += payload.ValueOffsets[batch.Length];
            }
        }

        return bytes;
    }

    /// <summary>Rows to DuckDB by its appender.</summary>
    [Benchmark(Baseline = true), BenchmarkCategory("arrow in")]
    public object? DuckAppender()
    {
        using var duck = OpenDuck();
        Set(duck, "create table t(id bigint, payload varchar)");
        using (var appender = duck.CreateAppender("t"))
        {
            foreach (var batch in _batches)
            {
                var (ids, texts) = ((Int64Array)batch.Column(0), (StringArray)batch.Column(1));
                for (var i = 0; i < batch.Length; i++)
                {
                    appender
                        .CreateRow()
                        .AppendValue(ids.GetValue(i))
                        .AppendValue(texts.GetString(i))
                        .EndRow();
                }
            }
        }

        return Run(duck, "select max(payload) from t where id >= 0");
    }

    /// <summary>Rows to Pond as record batches.</summary>
    [Benchmark, BenchmarkCategory("arrow in")]
    public async Task<long> PondArrowIn()
    {
        await using var pond = await OpenAsync();
        return await pond.FromArrow(_batches)
            .SqlPerPartition("select max(payload) as m from {0} where id >= 0")
            .CountAsync();
    }

    /// <summary>The function's work as SQL.</summary>
    [Benchmark(Baseline = true), BenchmarkCategory("function")]
    public object? DuckExpression() => Duck($"select sum(id * 2 + 1) from {InputFiles}");

    /// <summary>A function of C# over record batches, without a copy of the other columns.</summary>
    [Benchmark, BenchmarkCategory("function")]
    public async Task<long> PondFunction()
    {
        await using var pond = await OpenAsync();
        var rows = pond.ReadParquet(Input)
            .RepartitionByFiles(Files)
            .Select("id")
            .MapBatches(static batch =>
            {
                var ids = (Int64Array)batch.Column(0);
                var builder = new Int64Array.Builder().Reserve(ids.Length);
                foreach (var id in ids.Values)
                {
                    builder.Append((id * 2) + 1);
                }

                return new RecordBatch(batch.Schema, [builder.Build()], ids.Length);
            })
            .SqlPerPartition("select sum(id) as s from {0}");
        return await rows.CountAsync();
    }

    /// <summary>Partitioned COPY by DuckDB, with as many files open at a time as Pond lets it have.</summary>
    [Benchmark(Baseline = true), BenchmarkCategory("4096 partitions")]
    public object? DuckPartition()
    {
        var output = Path.Combine(_root, $"duck-{_run++}");
        using var duck = OpenDuck();
        Set(duck, "set partitioned_write_max_open_files=1024");
        var rows = Run(
            duck,
            $"copy (select *, hash(key::varchar) % {ManyPartitions} as part from {InputFiles}) to '{output}' (format parquet, compression lz4_raw, dictionary_size_limit 4096, partition_by (part))"
        );
        Directory.Delete(output, true);
        return rows;
    }

    /// <summary>Hash partition.</summary>
    [Benchmark, BenchmarkCategory("4096 partitions")]
    public async Task<long> PondPartition()
    {
        await using var pond = await OpenAsync();
        var rows = pond.ReadParquet(Input).RepartitionByHash(ManyPartitions, "key");
        return (await rows.ComputeAsync()).PartitionRows.Sum();
    }

    private static DuckDBConnection OpenDuck()
    {
        var duck = new DuckDBConnection("Data Source=:memory:");
        duck.Open();
        Set(duck, "set threads=2;set preserve_insertion_order=false");
        return duck;
    }

    private static object? Duck(string sql)
    {
        using var duck = OpenDuck();
        return Run(duck, sql);
    }

    private static object? Run(DuckDBConnection duck, string sql)
    {
        using var command = duck.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    private static void Set(DuckDBConnection duck, string sql)
    {
        using var command = duck.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
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
