// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster.Tests.Client;

public sealed class ClientNamespaceTests : IAsyncLifetime
{
    private ClientFixture _fs = null!;

    private ThreeFsClient Client => _fs.Client;

    public async ValueTask InitializeAsync() => _fs = await ClientFixture.StartAsync();

    public ValueTask DisposeAsync() => _fs.DisposeAsync();

    [Fact]
    public async Task Directories_CreateListDelete_Work()
    {
        await Client.CreateDirectoryAsync("/a/b/c");
        var again = async () => await Client.CreateDirectoryAsync("/a/b");
        await again.Should().ThrowAsync<IOException>();
        await _fs.WriteFileAsync("/a/x", new byte[10]);

        var names = new List<string>();
        await foreach (var entry in Client.EnumerateAsync("/a", withInfo: true))
        {
            names.Add(entry.Name);
        }
        var notEmpty = async () => await Client.DeleteAsync("/a");
        await notEmpty.Should().ThrowAsync<IOException>();
        await Client.DeleteAsync("/a", recursive: true);

        names.Should().Equal("b", "x");
        (await Client.TryGetInfoAsync("/a")).Should().BeNull();
    }

    [Fact]
    public async Task EnumerateAsync_MoreEntriesThanAPage_ReturnsEachOnceInOrder()
    {
        var expected = Enumerable.Range(0, 1030).Select(i => $"l{i:D4}").ToArray();
        await Client.CreateDirectoryAsync("/many");
        await Parallel.ForEachAsync(
            expected,
            async (name, token) =>
                await Client.CreateSymbolicLinkAsync($"/many/{name}", "../x", token)
        );

        var names = new List<string>();
        await foreach (var entry in Client.EnumerateAsync("/many"))
        {
            names.Add(entry.Name);
        }

        names.Should().Equal(expected);
    }

    [Fact]
    public async Task EnumerateAsync_CancelledBetweenEntries_Throws()
    {
        using var stop = new CancellationTokenSource();
        await Client.CreateDirectoryAsync("/d/a");
        await Client.CreateDirectoryAsync("/d/b");
        var names = new List<string>();

        var act = async () =>
        {
            await foreach (var entry in Client.EnumerateAsync("/d", cancellationToken: stop.Token))
            {
                names.Add(entry.Name);
                await stop.CancelAsync();
            }
        };

        await act.Should().ThrowAsync<OperationCanceledException>();
        names.Should().Equal("a");
    }

    [Fact]
    public async Task Move_WithAndWithoutOverwrite_Works()
    {
        await _fs.WriteFileAsync("/a", [1]);
        await _fs.WriteFileAsync("/b", [2, 2]);

        var refused = async () => await Client.MoveAsync("/a", "/b");
        await refused.Should().ThrowAsync<IOException>();
        await Client.MoveAsync("/a", "/b", overwrite: true);

        (await _fs.ReadFileAsync("/b")).Should().Equal(1);
        (await Client.TryGetInfoAsync("/a")).Should().BeNull();
    }

    [Fact]
    public async Task Links_SymbolicAndHard_LeadToTheFile()
    {
        await Client.CreateDirectoryAsync("/d");
        await _fs.WriteFileAsync("/d/f", [1, 2, 3]);
        await Client.CreateSymbolicLinkAsync("/link", "d/f");
        await Client.CreateHardLinkAsync("/hard", "/d/f");

        (await _fs.ReadFileAsync("/link")).Should().Equal(1, 2, 3);
        (await _fs.ReadFileAsync("/hard")).Should().Equal(1, 2, 3);
        (await Client.GetInfoAsync("/hard")).LinkCount.Should().Be(2);
        (await Client.GetInfoAsync("/link", followLinks: false)).LinkTarget.Should().Be("d/f");
        (await Client.ResolvePathAsync("/link")).Should().Be("/d/f");
    }

    [Fact]
    public async Task Attributes_Set_AreReadBack()
    {
        await _fs.WriteFileAsync("/f", [1]);
        var time = new DateTimeOffset(2024, 2, 29, 12, 0, 0, TimeSpan.Zero);

        await Client.SetUnixFileModeAsync("/f", UnixFileMode.UserRead | UnixFileMode.GroupRead);
        await Client.SetOwnerAsync("/f", 1000, 1001);
        await Client.SetTimesAsync("/f", time, time.AddHours(1));

        var info = await Client.GetInfoAsync("/f");
        info.Mode.Should().Be(UnixFileMode.UserRead | UnixFileMode.GroupRead);
        (info.Uid, info.Gid).Should().Be((1000u, 1001u));
        info.LastAccessed.Should().Be(time);
        info.LastModified.Should().Be(time.AddHours(1));
    }

    [Fact]
    public async Task Layout_OfDirectory_IsInherited()
    {
        await Client.CreateDirectoryAsync("/d");
        await Client.SetLayoutAsync("/d", new ThreeFsLayout(1, 1 << 20, 2));
        await _fs.WriteFileAsync("/d/f", ClientFixture.Bytes(1, 3_000_000));

        var info = await Client.GetInfoAsync("/d/f");

        info.Layout!.ChunkSizeBytes.Should().Be(1 << 20);
        info.Layout.StripeSize.Should().Be(2);
        (await _fs.ReadFileAsync("/d/f")).Should().Equal(ClientFixture.Bytes(1, 3_000_000));
    }

    [Fact]
    public async Task User_WithoutPermission_IsRefused()
    {
        await _fs.WriteFileAsync("/f", [1]);
        await Client.SetUnixFileModeAsync("/f", UnixFileMode.UserRead);
        await using var other = await _fs.Cluster.ConnectAsync(o =>
            o with
            {
                User = new ThreeFsUser(1000, 1000),
            }
        );

        var open = async () => await other.OpenAsync("/f", FileMode.Open, FileAccess.Read);

        await open.Should().ThrowAsync<UnauthorizedAccessException>();
    }

    [Fact]
    public async Task FileSystem_OverTheClient_ListsAndRenames()
    {
        var files = new ThreeFsFileSystem(Client, "/root");
        await Client.CreateDirectoryAsync("/root");
        await files.CreateDirectoryAsync("x/y");
        await using (var file = await files.CreateAsync("x/y/f"))
        {
            await file.WriteAsync(new byte[] { 9 }, 0);
        }
        await files.RenameAsync("x/y/f", "x/g");

        var paths = new List<string>();
        await foreach (var entry in files.ListAsync("", recursive: true))
        {
            paths.Add(entry.Path);
        }

        paths.Should().HaveCount(3);
        (await files.TryStatAsync("x/g"))!.Length.Should().Be(1);
        (await files.DeleteAsync("x", recursive: true)).Should().BeTrue();
        (await files.DeleteAsync("x")).Should().BeFalse();
    }

    [Fact]
    public async Task Admin_Lists_NodesAndChains()
    {
        var nodes = await Client.Admin.ListNodesAsync();
        var chains = await Client.Admin.ListChainsAsync();
        var space = await Client.GetFileSystemInfoAsync();

        nodes.Should().HaveCount(4);
        chains.Should().HaveCount(4);
        space.Should().NotBeNull();
    }
}
