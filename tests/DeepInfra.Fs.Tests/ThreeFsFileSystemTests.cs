// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Tests.Fakes;

namespace DeepInfra.Fs.Tests;

public sealed class ThreeFsFileSystemTests : FileSystemContract
{
    private FakeCluster _cluster = null!;
    private ThreeFsClient _client = null!;

    [Fact]
    public void TryGetLocalPath_AnyPath_IsNull()
    {
        FileSystem.TryGetLocalPath("a").Should().BeNull();
    }

    [Fact]
    public async Task Root_Below_SeesOnlyItsPart()
    {
        await WriteAsync("f", [1]);
        await FileSystem.CreateDirectoryAsync("sub/inner");
        var below = new ThreeFsFileSystem(_client, "sub", new ThreeFsLayout(1, 4096, 1));

        await using (var file = await below.CreateAsync("inner/g"))
        {
            await file.WriteAsync(new byte[10_000], 0);
            ((ThreeFsFile)file).Layout.Should().Be(new ThreeFsLayout(1, 4096, 1));
        }

        (await below.TryStatAsync("f")).Should().BeNull();
        (await FileSystem.StatAsync("sub/inner/g")).Length.Should().Be(10_000);
        var names = new List<string>();
        await foreach (var entry in below.ListAsync("", recursive: true))
        {
            names.Add(entry.Path);
        }

        names.Should().Equal("inner", "inner/g");
    }

    protected override async ValueTask<IFileSystem> CreateAsync()
    {
        _cluster = new FakeCluster(storageNodes: 2, chains: 6);
        _client = await _cluster.ConnectAsync();
        return new ThreeFsFileSystem(_client);
    }

    protected override async ValueTask DestroyAsync()
    {
        await _client.DisposeAsync();
        await _cluster.DisposeAsync();
    }
}
