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

    public static TheoryData<string, int> Points() =>
        new()
        {
            { nameof(FaultPoint.AfterWrite), 3 },
            { nameof(FaultPoint.AfterCommit), 5 },
            { nameof(FaultPoint.BeforePublish), 1 },
            { nameof(FaultPoint.AfterPublish), 1 },
        };

    [Theory]
    [Trait("Category", "Slow")]
    [MemberData(nameof(Points))]
    public async Task Write_ProcessKilled_NextRunCommitsExactlyOnce(string point, int count)
    {
        await using var area = new TestArea();
        foreach (var mode in new[] { WriteMode.Error, WriteMode.Append, WriteMode.Overwrite })
        {
            var output = area["out-" + mode];
            RunChild(area.Root, mode, point, count).Should().NotBe(0);

            // Whatever the dead process has left is no output, or the whole one.
            if (Directory.Exists(output))
            {
                point.Should().Be(nameof(FaultPoint.AfterPublish));
            }

            RunChild(area.Root, mode, "never", 1).Should().Be(0);

            await using var pond = await area.OpenAsync(o => o with { DataRoot = area["reader"] });
            var items = await pond.ReadParquet(output).ToListAsync<int>();
            items.Order().Should().Equal(Enumerable.Range(0, Rows));
            Directory.GetFiles(output, "*.parquet").Should().HaveCount(3);
        }

        Directory
            .GetFileSystemEntries(area.Root, ".*")
            .Should()
            .BeEmpty("nothing hidden stays beside the outputs");
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

    private static async Task ChildAsync(string root, WriteMode mode, string point, int count)
    {
        await using var pond = await PondSession.CreateAsync(
            new PondOptions
            {
                DataRoot = Path.Combine(root, "data"),
                JobId = "crash-" + mode,
                Cores = 2,
                RandomSeed = 7,
                MemoryBudget = 256L << 20,
                Durability = Durability.None,
                FaultHook = (at, _) =>
                {
                    if (at.ToString() == point && Interlocked.Decrement(ref count) == 0)
                    {
                        Process.GetCurrentProcess().Kill();
                        Thread.Sleep(Timeout.Infinite);
                    }
                },
            }
        );
        await pond.FromItems(Enumerable.Range(0, Rows))
            .RepartitionByHash(3, "item")
            .WriteParquetAsync(Path.Combine(root, "out-" + mode), mode);
    }

    private static int RunChild(string root, WriteMode mode, string point, int count)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            Environment = { [Variable] = $"{root}|{mode}|{point}|{count}" },
        };
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(typeof(CrashTests).Assembly.Location);
        }

        start.ArgumentList.Add("--no-progress");
        start.ArgumentList.Add("--explicit");
        start.ArgumentList.Add("only");
        start.ArgumentList.Add("--filter-method");
        start.ArgumentList.Add($"{typeof(CrashTests).FullName}.{nameof(Child)}");

        using var process = Process.Start(start)!;
        process.WaitForExit(TimeSpan.FromSeconds(60)).Should().BeTrue();
        return process.ExitCode;
    }
}
