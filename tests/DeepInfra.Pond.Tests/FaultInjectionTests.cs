// SPDX-License-Identifier: MIT

namespace DeepInfra.Pond.Tests;

/// <summary>A flow in which one step of ten fails gives exactly the rows of one in which none does.</summary>
public sealed class FaultInjectionTests
{
    private const double Probability = 0.1;
    private const int MaxActions = 100;

    public static TheoryData<int> Seeds() => new(Enumerable.Range(2, 19));

    [Fact]
    public Task Write_OneStepOfTenFails_RowsAreExact() => RunAsync(1);

    [Theory]
    [Trait("Category", "Slow")]
    [MemberData(nameof(Seeds))]
    public Task Write_OneStepOfTenFailsWithAnySeed_RowsAreExact(int seed) => RunAsync(seed);

    private static async Task RunAsync(int seed)
    {
        await using var area = new TestArea();
        var random = new Random(seed);
        var faults = 0;
        var pond = await area.OpenAsync(o =>
            o with
            {
                JobId = "faulty",
                MaxFailures = 20,
                FaultHook = (point, what) =>
                {
                    lock (random)
                    {
                        if (random.NextDouble() < Probability)
                        {
                            faults++;
                            throw new IOException($"injected at {point} of {what}");
                        }
                    }
                },
            }
        );
        await using var reader = await area.OpenAsync(o => o with { DataRoot = area["reader"] });
        // A third is dropped; two hundred of each last digit stay.
        var counts = pond.FromItems(Enumerable.Range(0, 3000))
            .RepartitionByHash(5, "item")
            .Where("item % 3 <> 0")
            .MapBatches(batch => batch)
            .SqlPerPartition("select item % 10 as digit, count(*) as n from {0} group by 1")
            .RepartitionByHash(3, "digit")
            .SqlPerPartition("select digit, sum(n)::bigint as n from {0} group by 1")
            .OrderBy(2, "digit");
        var digits = counts.Select("digit");
        long[] expected = [];
        long[] all = [.. Enumerable.Range(0, 10)];

        async Task WriteAsync(PondFrame frame, WriteMode mode, long[] next)
        {
            for (var action = 1; ; action++)
            {
                try
                {
                    await frame.WriteParquetAsync(area["out"], mode);
                    expected = next;
                    break;
                }
                catch (PondException e)
                    when (action < MaxActions
                        && e.ToString().Contains("injected", StringComparison.Ordinal)
                    )
                {
                    // Not published, or published but for the report of it.
                    var exists = Directory.Exists(area["out"]);
                    var now = exists ? await ReadAsync() : [];
                    (now.SequenceEqual(expected) || now.SequenceEqual(next)).Should().BeTrue();
                }
            }

            (await ReadAsync()).Should().Equal(next);
            Directory.GetFileSystemEntries(area.Root, ".*").Should().BeEmpty();
        }

        async Task<IEnumerable<long>> ReadAsync() =>
            (
                await reader
                    .ReadParquet(area["out"])
                    .SqlPerPartition("select digit::bigint as digit from {0}")
                    .ToListAsync<long>()
            ).Order();

        await WriteAsync(digits, WriteMode.Error, all);
        await WriteAsync(
            counts.Where("n = 200 and digit >= 5").Select("digit"),
            WriteMode.Overwrite,
            all[5..]
        );
        await WriteAsync(
            counts.Where("n = 200 and digit < 7").Select("digit"),
            WriteMode.Append,
            [0, 1, 2, 3, 4, 5, 5, 6, 6, 7, 8, 9]
        );

        faults.Should().BeGreaterThan(0);
        Directory
            .GetDirectories(Path.Combine(pond.JobDirectory, "store"), ".attempts-*")
            .SelectMany(Directory.GetFileSystemEntries)
            .Should()
            .BeEmpty();
    }
}
