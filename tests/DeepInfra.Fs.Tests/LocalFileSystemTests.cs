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

    [Fact]
    public async Task NamesThatChange_Directories_AreFlushed()
    {
        var flushed = new List<string>();
        var files = new LocalFileSystem(_root)
        {
            Flush = path =>
            {
                LocalFileSystem.FlushDirectory(path);
                flushed.Add(Path.GetRelativePath(_root, path));
            },
        };

        await files.CreateDirectoryAsync("a/b");
        await files.CreateDirectoryAsync("a/b");
        var afterDirectory = Taken();
        await using (var file = await files.CreateAsync("a/f"))
        {
            await file.WriteAsync(new byte[] { 1 }, 0);
            await file.FlushAsync();
            await file.FlushAsync();
        }
        var afterFile = Taken();
        await files.RenameAsync("a/f", "a/g");
        var afterRename = Taken();
        await files.RenameAsync("a/g", "a/b/h");
        var afterMove = Taken();
        await files.WriteAllBytesAsync("a/w", new byte[] { 2 });
        var afterReplace = Taken();

        afterDirectory.Should().Equal(".", "a");
        afterFile.Should().Equal("a");
        afterRename.Should().Equal("a");
        afterMove.Should().Equal("a/b", "a");
        afterReplace.Should().Equal("a", "a");

        string[] Taken()
        {
            string[] taken = [.. flushed];
            flushed.Clear();
            return taken;
        }
    }

    [Fact]
    public void FlushDirectory_Missing_SaysWhich()
    {
        var path = Path.Join(_root, "none");
        var flush = () => LocalFileSystem.FlushDirectory(path);

        flush.Should().Throw<IOException>().WithMessage($"*'{path}'*");
    }

    protected override ValueTask<IFileSystem> CreateAsync() => new(new LocalFileSystem(_root));

    protected override ValueTask DestroyAsync()
    {
        Directory.Delete(_root, recursive: true);
        return ValueTask.CompletedTask;
    }
}
