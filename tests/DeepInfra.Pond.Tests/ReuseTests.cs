// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Tests;

/// <summary>Stored results are used again when, and only when, they are still those of the same work.</summary>
public sealed class ReuseTests
{
    [Fact]
    public async Task Action_RightAfterOneThatLeavesItsResults_ComputesThemAgain()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync(o => o with { Cores = 4, MaxFailures = 0 });
        var hashed = pond.FromItems(Enumerable.Range(0, 100)).RepartitionByHash(16, "item");

        // Each action drops the files of the shuffle at its end, on other threads.
        for (var i = 0; i < 40; i++)
        {
            var rows = await pond.SqlSinglePartition(
                    $"select sum(item) + {i} as s from {{0}}",
                    hashed
                )
                .ToListAsync<long>();
            rows.Should().Equal(4950 + i);
        }

        pond.GetStages().Single(s => s.Kind == "shuffle").TasksReused.Should().Be(0);
    }

    [Fact]
    public async Task Store_ResultWithoutManifest_IsReplaced()
    {
        await using var area = new TestArea();
        var removed = 0;
        for (var run = 0; run < 2; run++)
        {
            await using var pond = await area.OpenAsync(o =>
                o with
                {
                    JobId = "job",
                    KeepIntermediates = true,
                    MaxFailures = 0,
                }
            );
            var rows = await pond.FromItems([3, 1, 2])
                .RepartitionByHash(2, "item")
                .OrderBy(2, "item")
                .ToListAsync<int>();
            rows.Should().Equal(1, 2, 3);
            var store = Path.Combine(pond.JobDirectory, "store");
            foreach (
                var file in Directory.EnumerateFiles(
                    store,
                    "manifest.json",
                    SearchOption.AllDirectories
                )
            )
            {
                File.Delete(file);
                removed++;
            }
        }

        removed.Should().BeGreaterThan(8);
    }
}
