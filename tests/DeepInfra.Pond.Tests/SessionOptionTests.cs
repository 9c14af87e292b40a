// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace DeepInfra.Pond.Tests;

/// <summary>Options of a session that decide what is kept and how it is stamped.</summary>
public sealed class SessionOptionTests
{
    private static readonly PondSchema s_columns = new([new PondColumn("a", "BIGINT")]);

    /// <summary>Reads a, b, b, a: what is still kept is not fetched again.</summary>
    [Theory]
    [InlineData(2, "a b")]
    [InlineData(1, "a b a")]
    [InlineData(0, "a b b a")]
    public async Task StagingBytes_RoomForSomeFiles_KeepsThoseUsedLast(int room, string fetched)
    {
        const string Row = "{\"a\":1}\n";
        await using var area = new TestArea();
        var reads = new List<string>();
        var remote = new FakeFileSystem(area["remote"])
        {
            Before = (operation, path) =>
            {
                if (operation == "read")
                {
                    reads.Add(Path.GetFileNameWithoutExtension(path));
                }
            },
        };
        var pond = await area.OpenAsync(o =>
            o with
            {
                Mounts = new Dictionary<string, Fs.IFileSystem> { ["3fs"] = remote },
                StagingBytes = room * Row.Length,
            }
        );
        area.Write("remote/a.jsonl", Row);
        area.Write("remote/b.jsonl", Row);

        foreach (var name in new[] { "a", "b", "b", "a" })
        {
            // A new frame: results of earlier ones do not count.
            var rows = await pond.ReadJsonLines($"3fs://{name}.jsonl", s_columns)
                .ToListAsync<long>();
            rows.Should().Equal(1);
            StagedBytes(pond).Should().BeLessThanOrEqualTo(room * Row.Length);
        }

        reads.Should().Equal(fetched.Split(' '));
    }

    [Fact]
    public async Task TimeProvider_OwnClock_StampsResultsOutputsAndThePlan()
    {
        await using var area = new TestArea();
        var clock = new Clock { Now = new DateTimeOffset(2031, 2, 3, 4, 5, 6, TimeSpan.Zero) };
        var pond = await area.OpenAsync(o =>
            o with
            {
                TimeProvider = clock,
                KeepIntermediates = true,
            }
        );
        var frame = pond.FromItems([3, 1, 2]).RepartitionByHash(2, "item");

        await frame.WriteParquetAsync(area["out"]);
        var first = clock.Now;
        clock.Now += TimeSpan.FromDays(1);
        await frame.Select("item + 1 as item").WriteParquetAsync(area["out"], WriteMode.Append);

        Stamps(area["out/_manifest.json"], "committed_utc").Should().Equal(first, clock.Now);
        Stamps(Path.Combine(pond.JobDirectory, "plan.json"), "created_utc")
            .Should()
            .Equal(clock.Now);
        var stored = Directory.GetFiles(
            Path.Combine(pond.JobDirectory, "store"),
            "manifest.json",
            SearchOption.AllDirectories
        );
        stored.SelectMany(f => Stamps(f, "committed_utc")).Should().NotBeEmpty().And.Contain(first);
    }

    private static long StagedBytes(PondSession pond) =>
        new DirectoryInfo(pond.JobDirectory)
            .EnumerateFiles("*.jsonl", SearchOption.AllDirectories)
            .Sum(f => f.Length);

    private static DateTimeOffset[] Stamps(string file, string property)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(file));
        return Find(document.RootElement, property).ToArray();
    }

    private static IEnumerable<DateTimeOffset> Find(JsonElement element, string property) =>
        element.ValueKind switch
        {
            JsonValueKind.Object => element
                .EnumerateObject()
                .SelectMany(p =>
                    p.NameEquals(property) ? [p.Value.GetDateTimeOffset()] : Find(p.Value, property)
                ),
            JsonValueKind.Array => element.EnumerateArray().SelectMany(e => Find(e, property)),
            _ => [],
        };

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; }

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
