// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Execution;
using DeepInfra.Pond.Storage;

namespace DeepInfra.Pond.Tests;

/// <summary>Attempts that commit the same result at the same moment: one wins, and readers see all of it.</summary>
public sealed class CommitRaceTests
{
    private const int FileBytes = 10_000;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    [Fact]
    public Task Commit_TwoAttempts_OneWins() => AttemptsAsync(50);

    [Fact]
    [Trait("Category", "Slow")]
    public Task Commit_TwoAttemptsAThousandTimes_OneWins() => AttemptsAsync(1000);

    [Fact]
    public Task Session_TwoWithOneStore_HaveTheSameRows() => SessionsAsync(10);

    [Fact]
    [Trait("Category", "Slow")]
    public Task Session_TwoWithOneStoreAThousandTimes_HaveTheSameRows() => SessionsAsync(1000);

    private static async Task AttemptsAsync(int rounds)
    {
        await using var area = new TestArea();
        var node = (await area.OpenAsync()).FromItems([1]).Node;
        Directory.CreateDirectory(area["store"]);
        var store = new TaskStore(area["store"], area.Options);
        var work = new SourceWork(new FileSet(FileFormat.StoredParquet, null, []));
        var tasks = Enumerable
            .Range(0, rounds)
            .Select(i => new PondTask(node, i, work, []))
            .ToArray();
        using var gate = new Barrier(3);
        void Meet() => gate.SignalAndWait(s_patience).Should().BeTrue();
        var won = new bool[2, rounds];
        var left = 0;

        Task Attempt(int who) =>
            PondSession.Dedicated(() =>
            {
                for (var round = 0; round < rounds; round++)
                {
                    var directory = area[$"attempt-{who}-{round}"];
                    Directory.CreateDirectory(directory);
                    var output = Output(directory, who);
                    Meet();
                    won[who, round] = store.Commit(
                        tasks[round],
                        directory,
                        output,
                        DateTimeOffset.UnixEpoch,
                        out var committed
                    );
                    Interlocked.Decrement(ref left);
                    Content(committed).Length.Should().Be(2);
                    // The runtime removes what the loser has written.
                    Directory.Exists(directory).Should().Be(!won[who, round]);
                    Meet();
                }

                return true;
            });

        Task Reader() =>
            PondSession.Dedicated(() =>
            {
                for (var round = 0; round < rounds; round++)
                {
                    Volatile.Write(ref left, 2);
                    Meet();
                    bool last;
                    do
                    {
                        last = Volatile.Read(ref left) == 0;
                        if (store.TryLoad(tasks[round]) is { } seen)
                        {
                            Content(seen).Distinct().Should().ContainSingle("no mixture");
                        }
                    } while (!last);

                    Meet();
                }

                return true;
            });

        await Task.WhenAll(Attempt(0), Attempt(1), Reader());

        for (var round = 0; round < rounds; round++)
        {
            (won[0, round] ^ won[1, round]).Should().BeTrue("exactly one attempt wins");
            var winner = won[0, round] ? 0 : 1;
            var result = store.TryLoad(tasks[round])!;
            result.Rows.Should().Be(2 * (winner + 1));
            Content(result).Should().Equal(Letter(winner), Letter(winner));
        }
    }

    /// <summary>Two files that tell who wrote them.</summary>
    private static TaskOutput Output(string directory, int who)
    {
        var files = new List<DataFile>();
        foreach (var name in new[] { "a", "b" })
        {
            var path = Path.Combine(directory, name + ".parquet");
            File.WriteAllText(path, new string(Letter(who), FileBytes));
            files.Add(new DataFile(path, who + 1, FileBytes));
        }

        return new TaskOutput { Slots = [new FileSet(FileFormat.StoredParquet, null, files)] };
    }

    private static char Letter(int who) => who == 0 ? 'x' : 'y';

    /// <summary>The letter of each file, which must be whole.</summary>
    private static char[] Content(TaskOutput output) =>
        output
            .Slots[0]
            .Files.Select(f =>
            {
                var text = File.ReadAllText(f.Path);
                text.Should().Be(new string(text[0], FileBytes));
                return text[0];
            })
            .ToArray();

    private static async Task SessionsAsync(int rounds)
    {
        await using var area = new TestArea();
        using var gate = new Barrier(2);
        Task<PondSession> OpenAsync(string job) =>
            area.OpenAsync(o =>
                o with
                {
                    JobId = job,
                    CacheScope = CacheScope.Root,
                    MaxFailures = 0,
                    FaultHook = (point, _) =>
                    {
                        // Neither commits before the other is about to.
                        if (point == FaultPoint.AfterWrite && !gate.SignalAndWait(s_patience))
                        {
                            throw new InvalidOperationException("The other session did not come.");
                        }
                    },
                }
            );
        PondSession[] sessions = [await OpenAsync("a"), await OpenAsync("b")];

        for (var round = 0; round < rounds; round++)
        {
            var results = await Task.WhenAll(
                sessions.Select(pond =>
                    pond.SqlPerPartition($"select range + {round} as item from range(100)")
                        .Select("item * 10 as item")
                        .ToListAsync<long>()
                )
            );
            foreach (var rows in results)
            {
                rows.Should().Equal(Enumerable.Range(round, 100).Select(i => i * 10L));
            }
        }

        var store = Path.Combine(area.DataRoot, "store");
        Directory
            .GetDirectories(store)
            .Count(d => !Path.GetFileName(d).StartsWith('.'))
            .Should()
            .Be(rounds);
        Directory
            .GetDirectories(store, ".attempts-*")
            .SelectMany(Directory.GetFileSystemEntries)
            .Should()
            .BeEmpty("the loser's files are gone");
    }
}
