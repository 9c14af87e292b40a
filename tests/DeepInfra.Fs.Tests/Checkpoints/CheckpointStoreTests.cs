// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Checkpoints;

namespace DeepInfra.Fs.Tests.Checkpoints;

public sealed class CheckpointStoreTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("fs-ckpt").FullName;
    private readonly LocalFileSystem _fileSystem;
    private readonly CheckpointStore _store;

    public CheckpointStoreTests()
    {
        _fileSystem = new LocalFileSystem(_root);
        _store = new CheckpointStore(_fileSystem, "ckpt");
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(20)]
    public async Task SaveAsync_Tensors_LoadBack(int degree)
    {
        var shards = Shards(10);
        await _store.SaveAsync(
            "step-1",
            shards,
            degree,
            new Dictionary<string, string> { ["step"] = "1" }
        );

        var loaded = new Dictionary<string, byte[]>();
        var info = await _store.LoadAsync("step-1", t => loaded[t.Name] = new byte[t.Length]);

        foreach (var shard in shards)
        {
            loaded[shard.Name].Should().Equal(shard.Data.ToArray());
            info.Tensors.Single(t => t.Name == shard.Name).Shape.Should().Equal(shard.Shape);
        }

        info.Tensors.Should().OnlyContain(t => t.Offset % 4096 == 0);
        info.Metadata["step"].Should().Be("1");
        info.Bytes.Should().Be(shards.Sum(s => s.Data.Length));
    }

    [Fact]
    public async Task LoadAsync_Selected_ReadsOnlyThose()
    {
        await _store.SaveAsync("a", Shards(5));
        var memory = new byte[1003];

        await _store.LoadAsync("a", t => t.Name == "t3" ? memory : null);

        memory.Should().Equal(Shards(5)[3].Data.ToArray());
    }

    [Fact]
    public async Task LoadAsync_WrongSizeOrMissing_Throws()
    {
        await _store.SaveAsync("a", Shards(2));

        var size = async () => await _store.LoadAsync("a", _ => new byte[5]);
        var missing = async () => await _store.LoadAsync("b", _ => null);

        (await size.Should().ThrowAsync<ArgumentException>()).WithMessage(
            "*needs 100? bytes, got 5*"
        );
        await missing.Should().ThrowAsync<FileNotFoundException>();
    }

    [Fact]
    public async Task LoadAsync_Damaged_NamesTheTensor()
    {
        await _store.SaveAsync("a", Shards(1), degree: 1);
        await using (var file = await _fileSystem.OpenWriteAsync("ckpt/a/data-000.bin"))
        {
            await file.WriteAsync(new byte[] { 1, 2, 3 }, 500);
        }

        var act = async () => await _store.LoadAsync("a", t => new byte[t.Length]);

        (await act.Should().ThrowAsync<InvalidDataException>()).WithMessage("*t0*");
    }

    [Fact]
    public async Task TryGetInfoAsync_BadManifest_Throws()
    {
        foreach (
            var (text, reason) in new[]
            {
                ("{", "damaged"),
                ("{\"version\":9,\"tensors\":[]}", "version 9"),
            }
        )
        {
            await _fileSystem.CreateDirectoryAsync("ckpt/x");
            await using (var file = await _fileSystem.CreateAsync("ckpt/x/manifest.json"))
            {
                await file.WriteAsync(System.Text.Encoding.UTF8.GetBytes(text), 0);
            }

            var act = async () => await _store.TryGetInfoAsync("x");
            (await act.Should().ThrowAsync<InvalidDataException>()).WithMessage($"*{reason}*");
        }
    }

    [Fact]
    public async Task SaveAsync_BadArguments_Throw()
    {
        await _store.SaveAsync("a", Shards(1));

        var exists = async () => await _store.SaveAsync("a", Shards(1));
        var twice = async () => await _store.SaveAsync("b", [.. Shards(1), .. Shards(1)]);
        var name = async () => await _store.SaveAsync("a/b", Shards(1));

        await exists.Should().ThrowAsync<IOException>();
        (await twice.Should().ThrowAsync<ArgumentException>()).WithMessage("*t0*");
        await name.Should().ThrowAsync<ArgumentException>();
    }

    [Fact]
    public async Task PruneAsync_Keep_DeletesOldAndIncomplete()
    {
        foreach (var name in new[] { "a", "b", "c" })
        {
            await _store.SaveAsync(name, Shards(1));
        }

        await _fileSystem.CreateDirectoryAsync("ckpt/incomplete");
        await (await _fileSystem.CreateAsync("ckpt/incomplete/data-000.bin")).DisposeAsync();

        var deleted = await _store.PruneAsync(keep: 2);

        deleted.Should().Be(1);
        (await _store.ListAsync()).Select(c => c.Name).Should().Equal("b", "c");
        (await _fileSystem.ExistsAsync("ckpt/incomplete")).Should().BeFalse();
    }

    [Fact]
    public async Task PruneAsync_Interrupted_LeavesNoHalfCheckpoint()
    {
        await _store.SaveAsync("a", Shards(3));
        await _store.SaveAsync("b", Shards(3));
        var data = Path.Combine(_root, "ckpt", "a", "data-000.bin");
        var interrupted = new CheckpointStore(
            new InterruptedDeletion(_fileSystem, () => File.Delete(data)),
            "ckpt"
        );

        var prune = async () => await interrupted.PruneAsync(keep: 1);

        await prune.Should().ThrowAsync<IOException>();
        (await _store.ListAsync()).Select(c => c.Name).Should().Equal("b");
        (await _store.PruneAsync(keep: 1)).Should().Be(0);
        Directory.Exists(Path.Combine(_root, "ckpt", "a")).Should().BeFalse();
    }

    /// <summary>Dies in the middle of deleting a directory.</summary>
    private sealed class InterruptedDeletion(IFileSystem inner, Action before) : IFileSystem
    {
        public ValueTask<FileHandle> OpenReadAsync(string path, CancellationToken ct = default) =>
            inner.OpenReadAsync(path, ct);

        public ValueTask<FileHandle> OpenWriteAsync(string path, CancellationToken ct = default) =>
            inner.OpenWriteAsync(path, ct);

        public ValueTask<FileHandle> CreateAsync(
            string path,
            bool overwrite = true,
            CancellationToken ct = default
        ) => inner.CreateAsync(path, overwrite, ct);

        public IAsyncEnumerable<FileSystemEntry> ListAsync(
            string path,
            bool recursive = false,
            CancellationToken ct = default
        ) => inner.ListAsync(path, recursive, ct);

        public ValueTask<FileSystemEntry?> TryStatAsync(
            string path,
            CancellationToken ct = default
        ) => inner.TryStatAsync(path, ct);

        public ValueTask<bool> DeleteAsync(
            string path,
            bool recursive = false,
            CancellationToken ct = default
        )
        {
            if (!recursive)
            {
                return inner.DeleteAsync(path, recursive, ct);
            }

            before();
            throw new IOException("on purpose");
        }

        public ValueTask RenameAsync(string from, string to, CancellationToken ct = default) =>
            inner.RenameAsync(from, to, ct);

        public ValueTask CreateDirectoryAsync(string path, CancellationToken ct = default) =>
            inner.CreateDirectoryAsync(path, ct);

        public string? TryGetLocalPath(string path) => inner.TryGetLocalPath(path);
    }

    [Fact]
    public async Task ListAsync_NothingSaved_IsEmpty()
    {
        (await _store.ListAsync()).Should().BeEmpty();
        (await _store.PruneAsync(0)).Should().Be(0);
    }

    private static List<TensorShard> Shards(int count) =>
        [
            .. Enumerable
                .Range(0, count)
                .Select(i =>
                {
                    var data = new byte[1000 + i];
                    new Random(i).NextBytes(data);
                    return new TensorShard($"t{i}", "Byte", [1000 + i], data);
                }),
        ];
}
