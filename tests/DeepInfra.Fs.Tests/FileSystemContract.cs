// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Tests;

/// <summary>What every <see cref="IFileSystem"/> does.</summary>
public abstract class FileSystemContract : IAsyncLifetime
{
    protected IFileSystem FileSystem { get; private set; } = null!;

    public async ValueTask InitializeAsync() => FileSystem = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await DestroyAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task CreateAsync_NewFile_CanBeReadBack()
    {
        await WriteAsync("f", "hello"u8.ToArray());

        (await ReadAsync("f")).Should().Equal("hello"u8.ToArray());
        (await FileSystem.StatAsync("f")).Length.Should().Be(5);
        (await FileSystem.StatAsync("/f")).Name.Should().Be("f");
    }

    [Fact]
    public async Task CreateAsync_Overwrite_EmptiesTheFile()
    {
        await WriteAsync("f", new byte[200_000]);
        await WriteAsync("f", [1, 2]);

        (await ReadAsync("f")).Should().Equal(1, 2);
    }

    [Fact]
    public async Task CreateAsync_ExistsAndNoOverwrite_Throws()
    {
        await WriteAsync("f", [1]);

        var act = async () => await FileSystem.CreateAsync("f", overwrite: false);

        await act.Should().ThrowAsync<IOException>();
    }

    [Fact]
    public async Task CreateAsync_NoParent_ThrowsDirectoryNotFound()
    {
        var act = async () => await FileSystem.CreateAsync("no/f");

        await act.Should().ThrowAsync<DirectoryNotFoundException>();
    }

    [Fact]
    public async Task OpenAsync_Missing_ThrowsFileNotFound()
    {
        var read = async () => await FileSystem.OpenReadAsync("no");
        var write = async () => await FileSystem.OpenWriteAsync("no");

        await read.Should().ThrowAsync<FileNotFoundException>();
        await write.Should().ThrowAsync<FileNotFoundException>();
    }

    [Fact]
    public async Task OpenAsync_Directory_Throws()
    {
        await FileSystem.CreateDirectoryAsync("d");

        var read = async () => await FileSystem.OpenReadAsync("d");
        var create = async () => await FileSystem.CreateAsync("d");

        await read.Should().ThrowAsync<IOException>();
        await create.Should().ThrowAsync<IOException>();
    }

    [Fact]
    public async Task OpenWriteAsync_Existing_KeepsContent()
    {
        await WriteAsync("f", [1, 2, 3]);
        await using (var file = await FileSystem.OpenWriteAsync("f"))
        {
            await file.WriteAsync(new byte[] { 9 }, 1);
        }

        (await ReadAsync("f")).Should().Equal(1, 9, 3);
    }

    [Fact]
    public async Task ReadAsync_AroundTheEnd_IsShort()
    {
        await WriteAsync("f", [1, 2, 3]);
        await using var file = await FileSystem.OpenReadAsync("f");
        var buffer = new byte[10];

        (await file.ReadAsync(buffer, 0)).Should().Be(3);
        (await file.ReadAsync(buffer, 2)).Should().Be(1);
        (await file.ReadAsync(buffer, 3)).Should().Be(0);
        (await file.ReadAsync(buffer, 1000)).Should().Be(0);
        (await file.ReadAsync(Memory<byte>.Empty, 0)).Should().Be(0);
        file.Length.Should().Be(3);
        file.CanWrite.Should().BeFalse();
    }

    [Fact]
    public async Task WriteAsync_ReadOnlyHandle_Throws()
    {
        await WriteAsync("f", [1]);
        await using var file = await FileSystem.OpenReadAsync("f");

        var write = async () => await file.WriteAsync(new byte[1], 0);
        var length = async () => await file.SetLengthAsync(0);

        await write.Should().ThrowAsync<InvalidOperationException>();
        await length.Should().ThrowAsync<InvalidOperationException>();
    }

    [Fact]
    public async Task WriteAsync_BeyondTheEnd_LeavesZeros()
    {
        await using (var file = await FileSystem.CreateAsync("f"))
        {
            await file.WriteAsync(new byte[] { 7 }, 300_000);
        }

        var content = await ReadAsync("f");
        content.Should().HaveCount(300_001);
        content[300_000].Should().Be(7);
        content.AsSpan(0, 300_000).IndexOfAnyExcept((byte)0).Should().Be(-1);
    }

    [Fact]
    public async Task Handle_NegativeOffset_Throws()
    {
        await using var file = await FileSystem.CreateAsync("f");

        var read = async () => await file.ReadAsync(new byte[1], -1);
        var write = async () => await file.WriteAsync(new byte[1], -1);
        var batch = async () => await file.ReadBatchAsync([new FileRead(-1, new byte[1])]);

        await read.Should().ThrowAsync<ArgumentOutOfRangeException>();
        await write.Should().ThrowAsync<ArgumentOutOfRangeException>();
        await batch.Should().ThrowAsync<ArgumentOutOfRangeException>();
    }

    [Fact]
    public async Task Handle_Disposed_Throws()
    {
        var file = await FileSystem.CreateAsync("f");
        await file.DisposeAsync();
        await file.DisposeAsync();

        var act = async () => await file.ReadAsync(new byte[1], 0);

        await act.Should().ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public async Task SetLengthAsync_ShrinkAndGrow_ZeroFills()
    {
        var data = Enumerable.Range(0, 300_000).Select(i => (byte)(i | 1)).ToArray();
        await WriteAsync("f", data);
        await using (var file = await FileSystem.OpenWriteAsync("f"))
        {
            await file.SetLengthAsync(70_000);
            (await file.GetLengthAsync()).Should().Be(70_000);
            await file.SetLengthAsync(200_000);
            (await file.GetLengthAsync()).Should().Be(200_000);
        }

        var content = await ReadAsync("f");
        content.Should().HaveCount(200_000);
        content.AsSpan(0, 70_000).SequenceEqual(data.AsSpan(0, 70_000)).Should().BeTrue();
        content.AsSpan(70_000).IndexOfAnyExcept((byte)0).Should().Be(-1);
        await using (var file = await FileSystem.OpenWriteAsync("f"))
        {
            await file.SetLengthAsync(0);
        }

        (await FileSystem.StatAsync("f")).Length.Should().Be(0);
    }

    [Fact]
    public async Task ReadBatchAsync_ManyRanges_FillsEach()
    {
        var data = new byte[500_000];
        new Random(4).NextBytes(data);
        await WriteAsync("f", data);
        await using var file = await FileSystem.OpenReadAsync("f");
        var random = new Random(5);
        var reads = Enumerable
            .Range(0, 300)
            .Select(_ => new FileRead(random.Next(510_000), new byte[random.Next(3000)]))
            .ToList();

        await file.ReadBatchAsync(reads);

        foreach (var read in reads)
        {
            var expected = (int)Math.Clamp(data.Length - read.Offset, 0, read.Buffer.Length);
            read.BytesRead.Should().Be(expected);
            read.Buffer[..expected]
                .Span.SequenceEqual(data.AsSpan((int)Math.Min(read.Offset, data.Length), expected))
                .Should()
                .BeTrue();
        }
    }

    [Fact]
    public async Task RandomOperations_AgainstAModel_Agree()
    {
        var model = new byte[600_000];
        var length = 0;
        var random = new Random(99);
        await using var file = await FileSystem.CreateAsync("f");
        for (var i = 0; i < 400; i++)
        {
            var offset = random.Next(400_000);
            var count = random.Next(random.Next(10) == 0 ? 190_000 : 5000);
            if (random.Next(2) == 0)
            {
                var data = new byte[count];
                random.NextBytes(data);
                await file.WriteAsync(data, offset);
                data.CopyTo(model, offset);
                length = count == 0 ? length : Math.Max(length, offset + count);
            }
            else
            {
                var buffer = new byte[count];
                var read = await file.ReadAsync(buffer, offset);
                read.Should().Be(Math.Clamp(length - offset, 0, count));
                buffer.AsSpan(0, read).SequenceEqual(model.AsSpan(offset, read)).Should().BeTrue();
            }
        }

        file.Length.Should().Be(length);
    }

    [Fact]
    public async Task ListAsync_Tree_IsOrderedByBytes()
    {
        foreach (var directory in new[] { "b", "a/x", "a/ä" })
        {
            await FileSystem.CreateDirectoryAsync(directory);
        }

        await WriteAsync("a/Z", [1]);
        await WriteAsync("a/x/deep", [1, 2]);

        var top = await NamesAsync("", recursive: false);
        var all = await NamesAsync("/", recursive: true);

        top.Should().Equal("a", "b");
        all.Should().Equal("a", "a/Z", "a/x", "a/x/deep", "a/ä", "b");
        var missing = async () => await NamesAsync("nope", recursive: false);
        await missing.Should().ThrowAsync<DirectoryNotFoundException>();
    }

    [Fact]
    public async Task ListAsync_ManyEntries_ListsAll()
    {
        for (var i = 0; i < 300; i++)
        {
            await FileSystem.CreateDirectoryAsync($"many/{i:D4}");
        }

        (await NamesAsync("many", recursive: false))
            .Should()
            .HaveCount(300)
            .And.BeInAscendingOrder();
    }

    [Fact]
    public async Task RenameAsync_OverFile_Replaces()
    {
        await WriteAsync("a", [1]);
        await WriteAsync("b", [2, 2]);

        await FileSystem.RenameAsync("a", "b");

        (await ReadAsync("b")).Should().Equal(1);
        (await FileSystem.ExistsAsync("a")).Should().BeFalse();
    }

    [Fact]
    public async Task RenameAsync_Directory_TakesItsContent()
    {
        await FileSystem.CreateDirectoryAsync("a");
        await WriteAsync("a/f", [3]);

        await FileSystem.RenameAsync("a", "b");

        (await ReadAsync("b/f")).Should().Equal(3);
    }

    [Fact]
    public async Task RenameAsync_InTheWay_Throws()
    {
        await FileSystem.CreateDirectoryAsync("d");
        await WriteAsync("d/f", [1]);
        await FileSystem.CreateDirectoryAsync("e");
        await WriteAsync("f", [1]);

        var fileOverDirectory = async () => await FileSystem.RenameAsync("f", "d");
        var directoryOverFile = async () => await FileSystem.RenameAsync("e", "f");
        var directoryOverFull = async () => await FileSystem.RenameAsync("e", "d");
        var missing = async () => await FileSystem.RenameAsync("no", "x");

        await fileOverDirectory.Should().ThrowAsync<IOException>();
        await directoryOverFile.Should().ThrowAsync<IOException>();
        await directoryOverFull.Should().ThrowAsync<IOException>();
        await missing.Should().ThrowAsync<FileNotFoundException>();
    }

    [Fact]
    public async Task DeleteAsync_EveryKind_SaysWhetherThereWasOne()
    {
        await FileSystem.CreateDirectoryAsync("d/e");
        await WriteAsync("d/f", [1]);

        var full = async () => await FileSystem.DeleteAsync("d");

        await full.Should().ThrowAsync<IOException>();
        (await FileSystem.DeleteAsync("d/f")).Should().BeTrue();
        (await FileSystem.DeleteAsync("d/f")).Should().BeFalse();
        (await FileSystem.DeleteAsync("d/e")).Should().BeTrue();
        await WriteAsync("d/g", [1]);
        (await FileSystem.DeleteAsync("d", recursive: true)).Should().BeTrue();
        (await FileSystem.DeleteAsync("d", recursive: true)).Should().BeFalse();
        var root = async () => await FileSystem.DeleteAsync("/");
        await root.Should().ThrowAsync<ArgumentException>();
    }

    [Fact]
    public async Task CreateDirectoryAsync_Existing_IsFineUnlessItIsAFile()
    {
        await FileSystem.CreateDirectoryAsync("a/b/c");
        await FileSystem.CreateDirectoryAsync("a/b/c");
        await FileSystem.CreateDirectoryAsync("");
        await WriteAsync("f", [1]);

        var act = async () => await FileSystem.CreateDirectoryAsync("f");

        (await FileSystem.StatAsync("a/b")).IsDirectory.Should().BeTrue();
        await act.Should().ThrowAsync<IOException>();
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("a/../../x")]
    [InlineData("a\0b")]
    public async Task AnyPath_LeadingOut_Throws(string path)
    {
        var act = async () => await FileSystem.TryStatAsync(path);

        await act.Should().ThrowAsync<ArgumentException>();
    }

    [Fact]
    public async Task StatAsync_Missing_ThrowsAndTryStatDoesNot()
    {
        var act = async () => await FileSystem.StatAsync("no");

        await act.Should().ThrowAsync<FileNotFoundException>();
        (await FileSystem.TryStatAsync("no")).Should().BeNull();
        (await FileSystem.TryStatAsync("no/deeper")).Should().BeNull();
        (await FileSystem.TryStatAsync(""))!.IsDirectory.Should().BeTrue();
    }

    [Fact]
    public async Task Operations_Cancelled_Throw()
    {
        await WriteAsync("f", [1]);
        using var source = new CancellationTokenSource();
        await source.CancelAsync();

        var open = async () => await FileSystem.OpenReadAsync("f", source.Token);
        var list = async () =>
        {
            await foreach (var _ in FileSystem.ListAsync("", cancellationToken: source.Token)) { }
        };

        await open.Should().ThrowAsync<OperationCanceledException>();
        await list.Should().ThrowAsync<OperationCanceledException>();
    }

    [Fact]
    public async Task AsStream_WriteReadSeek_BehavesLikeAFile()
    {
        var data = new byte[3_000_000];
        new Random(8).NextBytes(data);
        await using (var stream = (await FileSystem.CreateAsync("s")).AsStream())
        {
            for (var i = 0; i < data.Length; i += 7001)
            {
                await stream.WriteAsync(data.AsMemory(i, Math.Min(7001, data.Length - i)));
            }

            stream.Position.Should().Be(data.Length);
            stream.Seek(100, SeekOrigin.Begin);
            await stream.WriteAsync(new byte[] { 1, 2, 3 });
            stream.Length.Should().Be(data.Length);
        }

        (new byte[] { 1, 2, 3 }).CopyTo(data, 100);
        await using var read = (await FileSystem.OpenReadAsync("s")).AsStream();
        read.Length.Should().Be(data.Length);
        var copy = new MemoryStream();
        await read.CopyToAsync(copy);
        copy.ToArray().AsSpan().SequenceEqual(data).Should().BeTrue();
        read.Seek(-5, SeekOrigin.End);
        var tail = new byte[10];
        (await read.ReadAsync(tail)).Should().Be(5);
        (await read.ReadAsync(tail)).Should().Be(0);
        tail.AsSpan(0, 5).SequenceEqual(data.AsSpan(data.Length - 5)).Should().BeTrue();
        var random = new Random(3);
        var buffer = new byte[100_000];
        for (var i = 0; i < 50; i++)
        {
            read.Position = random.Next(data.Length);
            var start = (int)read.Position;
            var count = await read.ReadAtLeastAsync(
                buffer,
                buffer.Length,
                throwOnEndOfStream: false
            );
            buffer.AsSpan(0, count).SequenceEqual(data.AsSpan(start, count)).Should().BeTrue();
        }

        var write = async () => await read.WriteAsync(tail);
        var seek = () => read.Seek(-1, SeekOrigin.Begin);
        await write.Should().ThrowAsync<NotSupportedException>();
        seek.Should().Throw<IOException>();
    }

    [Fact]
    public async Task AsStream_SynchronousCalls_Work()
    {
        using (var stream = (await FileSystem.CreateAsync("s")).AsStream())
        {
            stream.Write([1, 2, 3, 4]);
            stream.Write([9, 9], 0, 1);
            stream.SetLength(3);
            stream.Position.Should().Be(3);
            stream.WriteByte(5);
            stream.Flush();
        }

        using var read = (await FileSystem.OpenReadAsync("s")).AsStream();
        var buffer = new byte[10];
        read.Read(buffer, 0, 10).Should().Be(4);
        buffer[..4].Should().Equal(1, 2, 3, 5);
        read.Read(buffer.AsSpan()).Should().Be(0);
        read.CanSeek.Should().BeTrue();
        read.CanWrite.Should().BeFalse();
        read.Dispose();
        read.CanRead.Should().BeFalse();
        var act = () => read.Read(buffer);
        act.Should().Throw<ObjectDisposedException>();
    }

    protected abstract ValueTask<IFileSystem> CreateAsync();

    protected abstract ValueTask DestroyAsync();

    protected async Task WriteAsync(string path, byte[] data)
    {
        await using var file = await FileSystem.CreateAsync(path);
        await file.WriteAsync(data, 0);
    }

    protected async Task<byte[]> ReadAsync(string path)
    {
        await using var file = await FileSystem.OpenReadAsync(path);
        var buffer = new byte[await file.GetLengthAsync()];
        (await file.ReadAsync(buffer, 0)).Should().Be(buffer.Length);
        return buffer;
    }

    private async Task<List<string>> NamesAsync(string path, bool recursive)
    {
        var names = new List<string>();
        await foreach (var entry in FileSystem.ListAsync(path, recursive))
        {
            names.Add(entry.Path);
        }

        return names;
    }
}
