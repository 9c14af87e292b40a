// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.Pond;

namespace DeepInfra.Benchmarks.Pond;

/// <summary>
/// Cost of a task. List tasks only pass lists of files on; SQL tasks run a trivial query and commit a
/// Parquet file each. Time is per task: 200 us are 5,000 tasks per second.
/// </summary>
[MemoryDiagnoser]
public class SchedulerBenchmarks
{
    private const int ListTasks = 10_000;
    private const int SqlTasks = 500;
    private string _root = "";

    /// <summary>Makes a directory for the jobs.</summary>
    [GlobalSetup]
    public void Setup() => _root = Directory.CreateTempSubdirectory("pond-bench-").FullName;

    /// <summary>Removes it.</summary>
    [GlobalCleanup]
    public void Cleanup() => Directory.Delete(_root, true);

    /// <summary>Plans and runs tasks that cut one list of files.</summary>
    [Benchmark(OperationsPerInvoke = ListTasks)]
    public async Task<long> ListTasksOnly()
    {
        await using var pond = await OpenAsync();
        var rows = pond.FromItems([1, 2, 3]);
        var splits = Enumerable
            .Range(0, ListTasks)
            .Select(_ => rows.RepartitionByFiles(1))
            .ToArray();
        return (await splits[0].Union(splits[1..]).ComputeAsync()).Rows;
    }

    /// <summary>Plans and runs tasks of one query each.</summary>
    [Benchmark(OperationsPerInvoke = SqlTasks)]
    public async Task<long> TrivialSqlTasks()
    {
        await using var pond = await OpenAsync();
        var result = await pond.FromItems(Enumerable.Range(0, SqlTasks))
            .RepartitionByRows(SqlTasks)
            .SqlPerPartition("select item + 1 as y from {0}")
            .ComputeAsync();
        return result.Rows;
    }

    private ValueTask<PondSession> OpenAsync() =>
        PondSession.CreateAsync(
            new PondOptions
            {
                DataRoot = _root,
                Cores = 2,
                RandomSeed = 7,
                Durability = Durability.None,
            }
        );
}
