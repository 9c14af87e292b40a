// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.KeyValue;
using DeepInfra.Fs.Cluster.Metadata;

namespace DeepInfra.Fs.Cluster.Tests.Metadata;

/// <summary>A file has at most 65,535 names, because inodes count them in 16 bits.</summary>
public sealed class LinkLimitTests
{
    [Fact]
    public async Task HardLink_AtTheMost_IsRefusedUntilANameGoes()
    {
        using var temp = new TempDirectory();
        var options = TestCluster.Options(temp["data"]);
        ulong id;
        await using (var cluster = await ThreeFsCluster.StartAsync(options))
        {
            await using var client = await cluster.ConnectAsync();
            await client.CreateDirectoryAsync("/d");
            await using (
                var file = await client.OpenAsync("/d/f", FileMode.Create, FileAccess.ReadWrite)
            )
            {
                await file.WriteAsync(new byte[] { 1, 2, 3 }, 0);
            }

            id = (await client.GetInfoAsync("/d/f")).InodeId;
        }

        await SetLinksAsync(temp["data"], options.Durability, id, ushort.MaxValue - 1);
        await using var again = await ThreeFsCluster.StartAsync(options);
        await using var first = await again.ConnectAsync();
        await using var second = await again.ConnectAsync();

        // Both want the last name; the count must not wrap to zero, which would delete the file.
        var outcomes = await Task.WhenAll(
            TryLinkAsync(first, "/d/a"),
            TryLinkAsync(second, "/d/b")
        );

        outcomes.Should().ContainSingle(e => e == null);
        outcomes
            .Should()
            .ContainSingle(e => e != null)
            .Which!.Message.Should()
            .Contain("65535 links");
        (await first.GetInfoAsync("/d/f")).LinkCount.Should().Be(ushort.MaxValue);
        var names = outcomes[0] is null ? ("/d/a", "/d/b") : ("/d/b", "/d/a");
        (await first.TryGetInfoAsync(names.Item2)).Should().BeNull();
        await first.DeleteAsync(names.Item1);
        (await first.GetInfoAsync("/d/f")).LinkCount.Should().Be(ushort.MaxValue - 1);
        (await TryLinkAsync(second, names.Item2)).Should().BeNull();
        (await second.GetInfoAsync(names.Item2)).Length.Should().Be(3);
    }

    private static async Task<Exception?> TryLinkAsync(ThreeFsClient client, string path)
    {
        try
        {
            await client.CreateHardLinkAsync(path, "/d/f");
            return null;
        }
        catch (ArgumentException e)
        {
            return e;
        }
    }

    /// <summary>Stands for tens of thousands of links.</summary>
    private static async Task SetLinksAsync(
        string data,
        DurabilityMode durability,
        ulong id,
        ushort links
    )
    {
        using var store = KeyValueStore.Open(Path.Combine(data, "meta"), durability);
        await store.WriteAsync(
            t =>
            {
                var view = new MetaView(t);
                var inode = view.Inode(id);
                inode.Nlink = links;
                view.Put(inode);
                return true;
            },
            CancellationToken.None
        );
    }
}
