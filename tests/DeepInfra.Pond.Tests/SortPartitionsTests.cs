// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Plan;

namespace DeepInfra.Pond.Tests;

public sealed class SortPartitionsTests
{
    private const long MiB = 1L << 20;

    [Theory]
    [InlineData(480, 192, 2, 20)]
    [InlineData(481, 192, 2, 21)]
    [InlineData(480, 192, 1, 10)]
    [InlineData(100, 8192, 2, 4)]
    [InlineData(100, 8192, 16, 32)]
    [InlineData(3, 8192, 16, 3)]
    [InlineData(0, 8192, 16, 1)]
    [InlineData(100_000_000, 192, 2, SortPartitions.Most)]
    public void Choose_KnownSize_IsDataOverAQuarterOfATasksMemory(
        long dataMiB,
        long memoryMiB,
        int cores,
        int expected
    ) => SortPartitions.Choose(dataMiB * MiB, memoryMiB * MiB, cores).Should().Be(expected);

    [Theory]
    [InlineData(1, 4)]
    [InlineData(2, 4)]
    [InlineData(8, 16)]
    public void Choose_UnknownSize_IsTwoPerCore(int cores, int expected) =>
        SortPartitions.Choose(null, 192 * MiB, cores).Should().Be(expected);

    [Fact]
    public async Task OrderBy_NoCount_FollowsTheSizeOfTheSources()
    {
        await using var area = new TestArea();
        // Repeated text: 60 MB of rows in a file of a few megabytes.
        var maker = await area.OpenAsync();
        await maker
            .SqlPerPartition(
                "select range as i, repeat('ab', 300) || range as t from range(100000)"
            )
            .WriteParquetAsync(
                area["in"],
                options: new ParquetWriteOptions { MaxDictionaryValues = 0, RowGroupRows = 4096 }
            );
        var pond = await area.OpenAsync(o => o with { Cores = 1, MemoryBudget = 64 << 20 });
        var rows = pond.ReadParquet(area["in"]);

        var sorted = rows.Where("i >= 0").OrderBy("i desc");

        new FileInfo(Directory.GetFiles(area["in"], "*.parquet").Single())
            .Length.Should()
            .BeLessThan(4 * MiB);
        sorted.PartitionCount.Should().Be(4);
        (await sorted.Select("i").ToListAsync<long>())
            .Should()
            .Equal(Enumerable.Range(0, 100_000).Select(i => 99_999L - i));
        pond.FromItems(Enumerable.Range(0, 10)).OrderBy("item").PartitionCount.Should().Be(1);
        pond.SqlPerPartition("select 1 as i").OrderBy("i").PartitionCount.Should().Be(4);
    }

    [Fact]
    public async Task OrderBy_NoCountAndNoFile_FailsInTheAction()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var sorted = pond.ReadParquet(area["none"]).OrderBy("i");

        var act = () => sorted.CountAsync();
        await act.Should().ThrowAsync<PondPlanException>().WithMessage("*none*");
    }
}
