// SPDX-License-Identifier: MIT
using System.Diagnostics;
using DeepInfra.Pond.Execution;

namespace DeepInfra.Pond.Tests;

/// <summary>
/// Processes that kill themselves in the middle of a write. Each is this test program, started to run the one
/// test that is the job.
/// </summary>
public sealed class CrashTests
{
    private const string Variable = "DEEPINFRA_POND_CRASH";
    private const int Rows = 3000;
    private const int OldRows = 100;

    /// <summary>Every step of a task and of each way to publish; the number says at which time of several.</summary>
    public static TheoryData<WriteMode, string, int> Points()
    {
        var data = new TheoryData<WriteMode, string, int>();
        void Add(WriteMode mode, FaultPoint point, params int[] times)
        {
            foreach (var time in times)
            {
                data.Add(mode, point.ToString(), time);
            }
        }

        Add(WriteMode.Error, FaultPoint.BeforeRun, 1, 3, 5);
        Add(WriteMode.Error, FaultPoint.AfterRun, 1, 3, 5);
        Add(WriteMode.Error, FaultPoint.AfterWrite, 1, 2, 3, 4, 5);
        Add(WriteMode.Error, FaultPoint.AfterCommit, 1, 2, 3, 4, 5);
        foreach (var mode in new[] { WriteMode.Error, WriteMode.Append, WriteMode.Overwrite })
        {
            Add(mode, FaultPoint.AfterStage, 1);
            Add(mode, FaultPoint.AfterPlace, 2);
            Add(mode, FaultPoint.BeforePublish, 1);
            Add(mode, FaultPoint.AfterManifest, 1);
            Add(mode, FaultPoint.AfterSwap, 1);
            Add(mode, FaultPoint.AfterPublish, 1);
        }

        Add(WriteMode.Append, FaultPoint.AfterAppend, 1, 3);
        Add(WriteMode.Overwrite, FaultPoint.AfterAside, 1);
        return data;
    }

    [Theory]
    [Trait("Category", "Slow")]
    [MemberData(nameof(Points))]
    public async Task Write_ProcessKilled_NextRunCommitsExactlyOnce(
        WriteMode mode,
        string point,
        int time
    )
    {
        await using var area = new TestArea();
        var output = area["out"];
        await using var reader = await area.OpenAsync(o => o with { DataRoot = area["reader"] });
        int[] old = [];
        if (mode != WriteMode.Error)
        {
            old = Enumerable.Range(-OldRows, OldRows).ToArray();
            await reader.FromItems(old).WriteParquetAsync(output);
        }

        var added = Enumerable.Range(0, Rows);
        var expected = mode == WriteMode.Append ? old.Concat(added) : added;
        async Task<IEnumerable<int>> ReadAsync() =>
            (await reader.ReadParquet(output).ToListAsync<int>()).Order();

        RunChild(area.Root, mode, point, time).Should().NotBe(0);

        // What the dead process has left is the old output or the new one, or none, never a part.
        var published = point is nameof(FaultPoint.AfterSwap) or nameof(FaultPoint.AfterPublish);
        var exists =
            published || (mode != WriteMode.Error && point != nameof(FaultPoint.AfterAside));
        Directory.Exists(output).Should().Be(exists);
        if (exists)
        {
            (await ReadAsync()).Should().Equal(published ? expected : old);
        }

        var before = Committed(area.Root);
        RunChild(area.Root, mode, "never", 1).Should().Be(0);

        (await ReadAsync()).Should().Equal(expected);
        Directory
            .GetFiles(output, "*.parquet")
            .Should()
            .HaveCount(mode == WriteMode.Append ? 4 : 3);
        Committed(area.Root)
            .Skip(before.Length)
            .Should()
            .NotIntersectWith(before, "a committed task does not run again");
        Directory
            .GetFileSystemEntries(area.Root, ".*")
            .Should()
            .BeEmpty("nothing hidden stays beside the output");
        var job = Path.Combine(area.Root, "data", "crash");
        Directory
            .GetDirectories(Path.Combine(job, "store"), ".*")
            .Should()
            .BeEmpty("no attempt stays");
        Directory.Exists(Path.Combine(job, "temp")).Should().BeFalse();
    }

    /// <summary>The job of a child process. An ordinary test run leaves explicit tests out.</summary>
    [Fact(Explicit = true)]
    public async Task Child()
    {
        var parts = Environment.GetEnvironmentVariable(Variable)!.Split('|');
        await ChildAsync(
            parts[0],
            Enum.Parse<WriteMode>(parts[1]),
            parts[2],
            int.Parse(parts[3], null)
        );
    }

    private static string[] Committed(string root) =>
        File.Exists(LogOf(root)) ? File.ReadAllLines(LogOf(root)) : [];

    private static string LogOf(string root) => Path.Combine(root, "committed.log");

    private static async Task ChildAsync(string root, WriteMode mode, string point, int time)
    {
        var writing = new Lock();
        await using var pond = await PondSession.CreateAsync(
            new PondOptions
            {
                DataRoot = Path.Combine(root, "data"),
                JobId = "crash",
                Cores = 2,
                RandomSeed = 7,
                MemoryBudget = 256L << 20,
                Durability = Durability.None,
                FaultHook = (at, what) =>
                {
                    lock (writing)
                    {
                        if (at == FaultPoint.AfterCommit)
                        {
                            File.AppendAllText(LogOf(root), what + "\n");
                        }

                        if (at.ToString() == point && --time == 0)
                        {
                            Process.GetCurrentProcess().Kill();
                            Thread.Sleep(Timeout.Infinite);
                        }
                    }
                },
            }
        );
        await pond.FromItems(Enumerable.Range(0, Rows))
            .RepartitionByHash(3, "item")
            .WriteParquetAsync(Path.Combine(root, "out"), mode);
    }

    private static int RunChild(string root, WriteMode mode, string point, int time)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            Environment = { [Variable] = $"{root}|{mode}|{point}|{time}" },
        };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(typeof(CrashTests).Assembly.Location);
        }

        start.ArgumentList.Add("--progress");
        start.ArgumentList.Add("off");
        start.ArgumentList.Add("--explicit");
        start.ArgumentList.Add("only");
        start.ArgumentList.Add("--filter-method");
        start.ArgumentList.Add($"{typeof(CrashTests).FullName}.{nameof(Child)}");

        using var process = Process.Start(start)!;
        process.WaitForExit(TimeSpan.FromSeconds(60)).Should().BeTrue();
        return process.ExitCode;
    }
}
