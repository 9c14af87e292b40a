// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Metadata;
using DeepInfra.Fs.Tests.Fakes;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests;

public sealed class ThreeFsFileTests
{
    [Fact]
    public async Task WriteAsync_AcrossChunks_GoesToTheChainsOfTheLayout()
    {
        await using var cluster = new FakeCluster(storageNodes: 2, chains: 6);
        await using var client = await cluster.ConnectAsync();
        await using var file = await client.OpenAsync(
            "f",
            FileMode.CreateNew,
            FileAccess.ReadWrite
        );
        var data = Storage.ChunkData.Pattern(300_000, 1);

        await file.WriteAsync(data, 1000);

        var layout = FileLayout.Create(((FileInode)cluster.Meta.Find("f").Type).Layout);
        cluster.Chunks.Should().HaveCount(5);
        foreach (var (chain, chunk) in cluster.Chunks.Keys)
        {
            chunk.Inode.Should().Be(file.InodeId);
            chain.Should().Be(layout.ChainOf(client.Mgmtd.Routing, chunk.ChunkIndex)!.Value);
        }

        var back = new byte[data.Length];
        (await file.ReadAsync(back, 1000)).Should().Be(data.Length);
        back.AsSpan().SequenceEqual(data).Should().BeTrue();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WriteAsync_EitherShuffle_OrdersChainsByIt(bool legacy)
    {
        await using var cluster = new FakeCluster(chains: 200);
        // One of few seeds for which the two orders differ.
        cluster.Meta.Stripe = 200;
        cluster.Meta.Seed = 472380080658457497;
        await using var client = await cluster.ConnectAsync(o => o with { LegacyShuffle = legacy });
        await using var file = await client.OpenAsync(
            "f",
            FileMode.CreateNew,
            FileAccess.ReadWrite
        );
        var wire = ((FileInode)cluster.Meta.Find("f").Type).Layout;
        var data = Storage.ChunkData.Pattern((int)wire.ChunkSize * 200, 1);

        await file.WriteAsync(data, 0);

        var (ours, other) = (
            FileLayout.Create(wire, legacy ? ShuffleMethod.Gcc10 : ShuffleMethod.Gcc11),
            FileLayout.Create(wire, legacy ? ShuffleMethod.Gcc11 : ShuffleMethod.Gcc10)
        );
        var routing = client.Mgmtd.Routing;
        cluster.Chunks.Should().HaveCount(200);
        cluster
            .Chunks.Keys.Should()
            .OnlyContain(k => k.Chain == ours.ChainOf(routing, k.Chunk.ChunkIndex));
        cluster
            .Chunks.Keys.Should()
            .Contain(k => k.Chain != other.ChainOf(routing, k.Chunk.ChunkIndex));
    }

    [Fact]
    public async Task DisposeAsync_AfterWriting_ClosesWithTheHint()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        await using (var file = await client.OpenAsync("f", FileMode.CreateNew, FileAccess.Write))
        {
            await file.WriteAsync(new byte[100], 500);
            await file.WriteAsync(new byte[100], 10);
        }

        var close = (CloseReq)cluster.Meta.Calls.Single(c => c.Method == MetaMethod.Close).Request;
        close.UpdateLength.Should().BeTrue();
        close.LengthHint!.Value.Length.Should().Be(600);
        close.Session.Should().NotBeNull();
        close.Mtime.Should().Be(-1);
        (await client.GetInfoAsync("f")).Length.Should().Be(600);
    }

    [Fact]
    public async Task DisposeAsync_NothingWritten_LeavesTheLengthAlone()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        var file = await client.OpenAsync("f", FileMode.CreateNew, FileAccess.Write);

        await file.DisposeAsync();

        var close = (CloseReq)cluster.Meta.Calls.Single(c => c.Method == MetaMethod.Close).Request;
        close.UpdateLength.Should().BeFalse();
        close.LengthHint.Should().BeNull();
    }

    [Fact]
    public async Task DisposeAsync_ReadOnly_SendsNothing()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        await (await client.OpenAsync("f", FileMode.CreateNew, FileAccess.Write)).DisposeAsync();
        var before = cluster.Meta.Calls.Count;

        await using (var file = await client.OpenAsync("f", FileMode.Open, FileAccess.Read)) { }

        cluster.Meta.Calls.Skip(before).Select(c => c.Method).Should().Equal(MetaMethod.Open);
    }

    [Fact]
    public async Task DisposeAsync_CloseFails_ThrowsTyped()
    {
        await using var cluster = new FakeCluster();
        var client = await cluster.ConnectAsync();
        var file = await client.OpenAsync("f", FileMode.CreateNew, FileAccess.Write);
        cluster.Meta.OnCall = (m, _) =>
            m == MetaMethod.Close ? new Status(StatusCode.MetaNotFound, "gone") : null;

        var act = async () => await file.DisposeAsync();

        await act.Should().ThrowAsync<FileNotFoundException>();
        await client.DisposeAsync();
    }

    [Fact]
    public async Task FlushAsync_Twice_ReportsOnce()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        await using var file = await client.OpenAsync("f", FileMode.CreateNew, FileAccess.Write);
        await file.WriteAsync(new byte[10], 0);

        await file.FlushAsync();
        await file.FlushAsync();

        cluster.Meta.Calls.Count(c => c.Method == MetaMethod.Sync).Should().Be(1);
        (await client.GetInfoAsync("f")).Length.Should().Be(10);
    }

    [Fact]
    public async Task FsyncAsync_Always_AsksForTheExactLength()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        await using var file = await client.OpenAsync("f", FileMode.CreateNew, FileAccess.Write);
        await file.WriteAsync(new byte[10], 0);

        await file.FsyncAsync();

        var sync = (SyncReq)cluster.Meta.Calls.Single(c => c.Method == MetaMethod.Sync).Request;
        sync.LengthHint.Should().BeNull();
        sync.UpdateLength.Should().BeTrue();
    }

    [Fact]
    public async Task LengthSyncInterval_DirtyFile_IsReported()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync(o =>
            o with
            {
                LengthSyncInterval = TimeSpan.FromMilliseconds(50),
            }
        );
        await using var file = await client.OpenAsync("f", FileMode.CreateNew, FileAccess.Write);
        await file.WriteAsync(new byte[10], 0);

        for (var i = 0; i < 200 && (await client.GetInfoAsync("f")).Length == 0; i++)
        {
            await Task.Delay(10);
        }

        (await client.GetInfoAsync("f")).Length.Should().Be(10);
    }

    [Fact]
    public async Task ReadAsync_AnotherClientAppends_SeesIt()
    {
        await using var cluster = new FakeCluster();
        await using var writer = await cluster.ConnectAsync();
        await using var reader = await cluster.ConnectAsync();
        await using var written = await writer.OpenAsync("f", FileMode.CreateNew, FileAccess.Write);
        await written.WriteAsync(new byte[10], 0);
        await written.FlushAsync();
        await using var read = await reader.OpenAsync("f", FileMode.Open, FileAccess.Read);
        var buffer = new byte[100];

        var first = await read.ReadAsync(buffer, 0);
        await written.WriteAsync(new byte[10], 10);
        await written.FlushAsync();
        var second = await read.ReadAsync(buffer, 0);

        first.Should().Be(10);
        second.Should().Be(20);
        read.Length.Should().Be(20);
    }

    [Fact]
    public async Task ReadAsync_HolesForbidden_Throws()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync(o => o with { AllowHoles = false });
        await using var file = await client.OpenAsync(
            "f",
            FileMode.CreateNew,
            FileAccess.ReadWrite
        );
        await file.WriteAsync(new byte[10], 200_000);

        var act = async () => await file.ReadAsync(new byte[100], 0);

        (await act.Should().ThrowAsync<ThreeFsException>())
            .Which.StatusCode.Should()
            .Be(StatusCode.ClientAgentHoleInIoOutcome);
    }

    [Fact]
    public async Task WriteAsync_OneChunkFails_NamesItAndKeepsTheRest()
    {
        await using var cluster = new FakeCluster();
        cluster.Nodes[0].OnWrite = r =>
            r.Payload.Key.ChunkId.ChunkIndex == 1
                ? new Status(StatusCode.StorageClientNoSpace, "disk 3")
                : null;
        await using var client = await cluster.ConnectAsync();
        await using var file = await client.OpenAsync("f", FileMode.CreateNew, FileAccess.Write);

        var act = async () => await file.WriteAsync(new byte[200_000], 0);

        var thrown = (await act.Should().ThrowAsync<IOException>()).Which;
        thrown
            .Message.Should()
            .Contain("disk 3")
            .And.Contain("00010000-00000001".Replace("00010000-", "", StringComparison.Ordinal));
        var inner = (ThreeFsException)thrown.InnerException!;
        inner.StatusCode.Should().Be(StatusCode.StorageClientNoSpace);
        inner.Path.Should().Be("f");
        cluster.Chunks.Should().HaveCount(3);
        file.Length.Should().Be(200_000);
    }

    [Fact]
    public async Task ReadAsync_Damaged_ThrowsTypedWithChunkAndNode()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        await using var file = await client.OpenAsync(
            "f",
            FileMode.CreateNew,
            FileAccess.ReadWrite
        );
        await file.WriteAsync(new byte[100], 0);
        cluster.Nodes[0].OnReadAnswer = (_, answer) =>
        {
            var bytes = answer.Inlinebuf.Data.ToArray();
            bytes[0] ^= 1;
            answer.Inlinebuf.Data = new InlineData(bytes);
        };

        var act = async () => await file.ReadAsync(new byte[100], 0);

        var thrown = (await act.Should().ThrowAsync<ThreeFsException>()).Which;
        thrown.StatusCode.Should().Be(StatusCode.StorageClientChecksumMismatch);
        thrown.Message.Should().Contain(cluster.StorageListeners[0].EndPoint.ToString());
        thrown.Hint.Should().NotBeNull();
    }

    [Fact]
    public async Task OpenAsync_Truncate_RemovesTheOldChunks()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        await using (var file = await client.OpenAsync("f", FileMode.CreateNew, FileAccess.Write))
        {
            await file.WriteAsync(new byte[500_000], 0);
        }

        await using (var file = await client.OpenAsync("f", FileMode.Truncate, FileAccess.Write))
        {
            file.Length.Should().Be(0);
        }

        cluster.Chunks.Should().BeEmpty();
        (await client.GetInfoAsync("f")).Length.Should().Be(0);
        var sync = (SyncReq)cluster.Meta.Calls.Last(c => c.Method == MetaMethod.Sync).Request;
        sync.Truncated.Should().BeTrue();
        var open = (OpenReq)cluster.Meta.Calls.Last(c => c.Method == MetaMethod.Open).Request;
        open.RemoveChunksBatchSize.Should().Be(32);
    }

    [Fact]
    public async Task OpenAsync_Append_StreamStartsAtTheEnd()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        for (byte i = 1; i <= 3; i++)
        {
            await using var file = await client.OpenAsync("log", FileMode.Append, FileAccess.Write);
            await using var stream = file.AsStream(leaveOpen: true);
            await stream.WriteAsync(new[] { i, i });
        }

        await using var read = await client.OpenAsync("log", FileMode.Open, FileAccess.Read);
        var buffer = new byte[10];
        (await read.ReadAsync(buffer, 0)).Should().Be(6);
        buffer[..6].Should().Equal(1, 1, 2, 2, 3, 3);
    }

    [Theory]
    [InlineData(FileMode.Create, FileAccess.Read)]
    [InlineData(FileMode.CreateNew, FileAccess.Read)]
    [InlineData(FileMode.Truncate, FileAccess.Read)]
    [InlineData(FileMode.Append, FileAccess.Read)]
    public async Task OpenAsync_ModeNeedsWriting_Throws(FileMode mode, FileAccess access)
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();

        var act = async () => await client.OpenAsync("f", mode, access);

        await act.Should().ThrowAsync<ArgumentException>();
    }

    [Fact]
    public async Task OpenAsync_TableUnknown_WaitsForIt()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        var opening = client
            .OpenAsync(
                "f",
                FileMode.CreateNew,
                FileAccess.Write,
                new ThreeFsOpenOptions { Layout = new ThreeFsLayout(2, 65536, 1) }
            )
            .AsTask();
        await Task.Delay(50);
        opening.IsCompleted.Should().BeFalse();
        cluster.ChangeRouting(r =>
            r.ChainTables[2] = new()
            {
                [1] = new()
                {
                    ChainTableId = 2,
                    ChainTableVersion = 1,
                    Chains = [900001],
                },
            }
        );

        await using var file = await opening.WaitAsync(TimeSpan.FromSeconds(10));
        await file.WriteAsync(new byte[] { 1 }, 0);
        file.Layout.ChainTable.Should().Be(2);
    }

    [Fact]
    public async Task WriteAsync_BeyondTheLastChunk_Throws()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        await using var file = await client.OpenAsync("f", FileMode.CreateNew, FileAccess.Write);
        var end = (64L << 10) << 32;

        await file.WriteAsync(new byte[] { 1 }, end - 1);
        var act = async () => await file.WriteAsync(new byte[] { 1, 2 }, end - 1);
        var length = async () => await file.SetLengthAsync(end + 1);

        (await act.Should().ThrowAsync<ThreeFsException>())
            .Which.StatusCode.Should()
            .Be(StatusCode.MetaFileTooLarge);
        await length.Should().ThrowAsync<IOException>();
    }

    [Fact]
    public async Task ReadAndWrite_ManyTasks_DoNotDisturbEachOther()
    {
        await using var cluster = new FakeCluster(storageNodes: 2, chains: 6);
        await using var client = await cluster.ConnectAsync(o =>
            o with
            {
                ConnectionsPerServer = 2,
            }
        );
        await using var file = await client.OpenAsync(
            "f",
            FileMode.CreateNew,
            FileAccess.ReadWrite
        );

        await Task.WhenAll(
            Enumerable
                .Range(0, 8)
                .Select(t =>
                    Task.Run(async () =>
                    {
                        var random = new Random(t);
                        var start = t * 200_000L;
                        var mine = new byte[200_000];
                        for (var i = 0; i < 30; i++)
                        {
                            var at = random.Next(100_000);
                            var data = new byte[random.Next(1, 100_000)];
                            random.NextBytes(data);
                            data.CopyTo(mine, at);
                            await file.WriteAsync(data, start + at);
                            var back = new byte[data.Length];
                            (await file.ReadAsync(back, start + at)).Should().Be(data.Length);
                            back.AsSpan().SequenceEqual(data).Should().BeTrue();
                        }
                    })
                )
        );
    }

    [Fact]
    public async Task Dispose_ClientWithOpenFiles_ClosesThem()
    {
        await using var cluster = new FakeCluster();
        var client = await cluster.ConnectAsync();
        var file = await client.OpenAsync("f", FileMode.CreateNew, FileAccess.Write);
        await file.WriteAsync(new byte[10], 0);

        await client.DisposeAsync();

        cluster.Meta.Calls.Should().Contain(c => c.Method == MetaMethod.Close);
        var act = async () => await client.GetInfoAsync("f");
        await act.Should().ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public async Task Namespace_EveryOperation_SendsWhatTheServiceExpects()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        await client.CreateDirectoryAsync("d", mode: UnixFileMode.UserRead);
        await (await client.OpenAsync("d/f", FileMode.CreateNew, FileAccess.Write)).DisposeAsync();
        await client.CreateSymbolicLinkAsync("d/l", "f");
        await client.CreateHardLinkAsync("d/h", "d/f");
        await client.SetUnixFileModeAsync("d/f", UnixFileMode.UserWrite);
        await client.SetOwnerAsync("d/f", 3, null);
        await client.SetTimesAsync("d/f", DateTimeOffset.UnixEpoch.AddSeconds(5), null);
        await client.SetLayoutAsync("d", new ThreeFsLayout(1, 4096, 2));
        await client.MoveAsync("d/h", "d/h2");
        await client.MoveToTrashAsync("d/h2", "d/trash");

        var link = await client.GetInfoAsync("d/l", followLinks: false);
        var file = await client.GetInfoAsync("d/f");
        var directory = await client.GetInfoAsync("d");
        link.Kind.Should().Be(FileSystemEntryKind.SymbolicLink);
        link.LinkTarget.Should().Be("f");
        file.LinkCount.Should().Be(2);
        file.Mode.Should().Be(UnixFileMode.UserWrite);
        file.Uid.Should().Be(3);
        file.LastAccessed.Should().Be(DateTimeOffset.UnixEpoch.AddSeconds(5));
        directory.Layout.Should().Be(new ThreeFsLayout(1, 4096, 2));
        (await client.ResolvePathAsync("d/f")).Should().Be("/d/f");
        (await client.GetFileSystemInfoAsync()).Should().Be(new ThreeFsSpace(1000, 300, 700));
        (await client.GetInfosAsync(["d/f", "no", "d"]))
            .Select(i => i?.Kind)
            .Should()
            .Equal(FileSystemEntryKind.File, null, FileSystemEntryKind.Directory);
        var trash = (RenameReq)cluster.Meta.Calls.Last(c => c.Method == MetaMethod.Rename).Request;
        trash.MoveToTrash.Should().BeTrue();
        trash.Uuid.Should().NotBeEmpty();
        await client.DeleteAsync("d", recursive: true);
        var remove = (RemoveReq)cluster.Meta.Calls.Last(c => c.Method == MetaMethod.Remove).Request;
        remove.InodeId.Should().Be(directory.InodeId);
        remove.Recursive.Should().BeTrue();
    }

    [Fact]
    public async Task MoveAsync_NoOverwrite_RefusesAnExistingDestination()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        await client.CreateDirectoryAsync("a");
        await client.CreateDirectoryAsync("b");

        var act = async () => await client.MoveAsync("a", "b");

        (await act.Should().ThrowAsync<IOException>())
            .Which.HResult.Should()
            .Be(unchecked((int)0x80070050));
    }
}
