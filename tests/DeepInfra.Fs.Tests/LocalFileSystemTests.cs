// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Tests;

public sealed class LocalFileSystemTests : FileSystemContract
{
    private readonly string _root = Directory.CreateTempSubdirectory("fs-local").FullName;

    [Fact]
    public void TryGetLocalPath_AnyPath_IsBelowTheRoot()
    {
        FileSystem.TryGetLocalPath("a/b").Should().Be(Path.Join(_root, "a", "b"));
    }

    [Fact]
    public async Task ListAsync_SymbolicLink_IsReportedAsOne()
    {
        await WriteAsync("target", [1, 2]);
        File.CreateSymbolicLink(Path.Join(_root, "link"), Path.Join(_root, "target"));
        File.CreateSymbolicLink(Path.Join(_root, "dangling"), Path.Join(_root, "nothing"));

        var kinds = new Dictionary<string, FileSystemEntryKind>();
        await foreach (var entry in FileSystem.ListAsync(""))
        {
            kinds[entry.Name] = entry.Kind;
        }

        kinds["link"].Should().Be(FileSystemEntryKind.SymbolicLink);
        kinds["dangling"].Should().Be(FileSystemEntryKind.SymbolicLink);
        (await FileSystem.StatAsync("link")).Length.Should().Be(2);
        (await FileSystem.TryStatAsync("dangling")).Should().BeNull();
        (await FileSystem.DeleteAsync("link")).Should().BeTrue();
        (await FileSystem.ExistsAsync("target")).Should().BeTrue();
    }

    protected override ValueTask<IFileSystem> CreateAsync() => new(new LocalFileSystem(_root));

    protected override ValueTask DestroyAsync()
    {
        Directory.Delete(_root, recursive: true);
        return ValueTask.CompletedTask;
    }
}
