// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.KeyValue;

namespace DeepInfra.Fs.Cluster.Tests.KeyValue;

/// <summary>
/// What becomes of a database whose log was hit by a crash: a torn end is what a crash leaves and costs nothing that
/// was acknowledged; damage before the end must be reported, not cut off with everything behind it, unless the log was
/// never flushed and promises nothing after a power loss.
/// </summary>
public sealed class LogDamageTests : IDisposable
{
    private const int Keys = 40;
    private readonly TempDirectory _temp = new();

    public void Dispose() => _temp.Dispose();

    [Fact]
    public async Task Open_LogCutAnywhere_HoldsAPrefixOfTheCommits()
    {
        var log = await WriteAsync();
        var whole = await File.ReadAllBytesAsync(log);
        var lengths = new List<int>();

        for (var cut = 0; cut < 24; cut++)
        {
            var copy = Copy($"cut{cut}");
            var length = whole.Length - (cut * whole.Length / 24) - (cut % 3);
            using (var file = new FileStream(LogOf(copy), FileMode.Open, FileAccess.Write))
            {
                file.SetLength(length);
            }
            using var store = KeyValueStore.Open(copy, DurabilityMode.Fsync);
            var found = Present(store);
            found.Should().Equal(Enumerable.Range(0, found.Count), "commits come back in order");
            lengths.Add(found.Count);
        }

        lengths[0].Should().Be(Keys, "nothing is missing of a whole log");
        lengths.Should().BeInDescendingOrder();
    }

    [Fact]
    public async Task Open_LogEndsInZeros_HoldsEveryCommit()
    {
        // A file system that had made the file longer and not yet written the bytes.
        var log = await WriteAsync();
        using (var file = new FileStream(log, FileMode.Append))
        {
            file.Write(new byte[5000]);
        }

        using var store = KeyValueStore.Open(_temp["db"], DurabilityMode.Fsync);

        Present(store).Should().HaveCount(Keys);
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.5)]
    [InlineData(0.9)]
    public async Task Open_LogDamagedBeforeItsEnd_IsRefused(double where)
    {
        var log = await WriteAsync();
        using (var file = new FileStream(log, FileMode.Open, FileAccess.ReadWrite))
        {
            file.Position = (long)(file.Length * where);
            var old = file.ReadByte();
            file.Position--;
            file.WriteByte((byte)(old ^ 0x40));
        }

        var open = () => KeyValueStore.Open(_temp["db"], DurabilityMode.Fsync);

        open.Should()
            .Throw<ClusterStorageException>("later commits were acknowledged too")
            .WithMessage($"*{_temp["db"]}*");
        using var unflushed = KeyValueStore.Open(_temp["db"], DurabilityMode.None);
        var found = Present(unflushed);
        found.Should().Equal(Enumerable.Range(0, found.Count), "it is a state that was");
        found.Should().HaveCountLessThan(Keys);
    }

    [Fact]
    public async Task Start_ClusterWithDamagedLog_SaysWhichDatabase()
    {
        await using (var cluster = await TestCluster.StartAsync(_temp["data"]))
        {
            await using var client = await cluster.ConnectAsync();
            for (var i = 0; i < 50; i++)
            {
                await client.CreateDirectoryAsync($"/d{i}");
            }
        }
        var log = LogOf(Path.Combine(_temp["data"], "meta"));
        using (var file = new FileStream(log, FileMode.Open, FileAccess.Write))
        {
            file.Position = file.Length / 2;
            file.Write("damage"u8);
        }

        var options = TestCluster.Options(_temp["data"]);
        var start = () =>
            ThreeFsCluster.StartAsync(options with { Durability = DurabilityMode.Fsync });

        (await start.Should().ThrowAsync<ClusterStorageException>())
            .Which.Message.Should()
            .Contain("meta");
    }

    [Fact]
    public async Task Start_RecordThatDoesNotDecode_SaysWhichDirectoryAndFreesIt()
    {
        await using (await TestCluster.StartAsync(_temp["data"])) { }
        using (
            var store = KeyValueStore.Open(Path.Combine(_temp["data"], "meta"), DurabilityMode.None)
        )
        {
            await store.WriteAsync(t =>
            {
                t.Put([.. "CHIF"u8, 0, 0, 0, 0, 0, 0, 0, 1], [0x7F, 1, 2]);
                return true;
            });
        }

        for (var i = 0; i < 2; i++)
        {
            var start = () => TestCluster.StartAsync(_temp["data"]);

            (await start.Should().ThrowAsync<ClusterStorageException>())
                .WithMessage($"*{_temp["data"]}*")
                .Which.Should()
                .NotBeOfType<DataDirectoryInUseException>();
        }
    }

    private static List<int> Present(KeyValueStore store) =>
        store.Read(t =>
            Enumerable.Range(0, Keys).Where(i => t.Get([(byte)i]) is not null).ToList()
        );

    private static string LogOf(string directory) =>
        Directory
            .GetFiles(directory, "*.log")
            .OrderByDescending(f => new FileInfo(f).Length)
            .First();

    /// <summary>A database whose commits are all in its log.</summary>
    private async Task<string> WriteAsync()
    {
        using (var store = KeyValueStore.Open(_temp["db"], DurabilityMode.None))
        {
            for (var i = 0; i < Keys; i++)
            {
                var value = new byte[500];
                new Random(i).NextBytes(value);
                await store.WriteAsync(t =>
                {
                    t.Put([(byte)i], value);
                    return true;
                });
            }
        }
        return LogOf(_temp["db"]);
    }

    private string Copy(string name)
    {
        Directory.CreateDirectory(_temp[name]);
        foreach (var file in Directory.GetFiles(_temp["db"]))
        {
            File.Copy(file, Path.Combine(_temp[name], Path.GetFileName(file)));
        }
        return _temp[name];
    }
}
