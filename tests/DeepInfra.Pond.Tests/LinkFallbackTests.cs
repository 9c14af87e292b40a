// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Execution;
using DeepInfra.Pond.Interop;

namespace DeepInfra.Pond.Tests;

/// <summary>An output is a second name of a committed result, and a copy where there can be no further name.</summary>
public sealed class LinkFallbackTests
{
    [Fact]
    [Trait("Category", "Slow")]
    public async Task Write_ResultHasAsManyNamesAsItCan_IsCopied()
    {
        // ext4 allows 65,000 names of a file.
        const int TooMany = 70_000;
        await using var area = new TestArea();
        Directory.CreateDirectory(area["links"]);
        string Link(int number) => Path.Combine(area["links"], $"{number}");
        var links = 0;
        var pond = await area.OpenAsync(o =>
            o with
            {
                FaultHook = (point, _) =>
                {
                    if (point == FaultPoint.AfterCommit)
                    {
                        var result = Directory
                            .GetFiles(area.DataRoot, "*.parquet", SearchOption.AllDirectories)
                            .Single();
                        while (links < TooMany && FileLinks.TryCreate(result, Link(links)))
                        {
                            links++;
                        }
                    }
                },
            }
        );

        var written = await pond.SqlPerPartition("select range as i from range(1000)")
            .WriteParquetAsync(area["out"]);

        Assert.SkipWhen(links is 0 or TooMany, $"This volume took {links} names.");
        var file = Path.Combine(area["out"], written.Files.Single().Name);
        File.ReadAllBytes(file).Should().Equal(File.ReadAllBytes(Link(0)));
        File.AppendAllText(file, "x");
        var length = new FileInfo(Link(0)).Length;
        new FileInfo(file).Length.Should().Be(length + 1, "the output is a file of its own");
    }
}
