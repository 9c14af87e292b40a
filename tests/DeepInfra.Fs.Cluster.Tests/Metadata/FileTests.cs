// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Metadata;

public sealed class FileTests : IAsyncLifetime
{
    private MetaFixture _fs = null!;

    public async ValueTask InitializeAsync() => _fs = await MetaFixture.StartAsync();

    public ValueTask DisposeAsync() => _fs.DisposeAsync();

    [Fact]
    public async Task Sync_WithHint_MovesTheLengthForwardOnly()
    {
        var file = await _fs.CreateAsync("/f");

        (await SyncAsync(file.Id, 5_000, 0)).Length.Should().Be(5_000);
        (await SyncAsync(file.Id, 3_000, 0)).Length.Should().Be(5_000);
    }

    [Fact]
    public async Task Sync_WithoutHint_AsksStorage()
    {
        var file = await _fs.CreateAsync("/f");
        await SyncAsync(file.Id, 999_999, 0);
        await WriteChunkAsync(file, 3, 1_000);

        var synced = await SyncAsync(file.Id, null, 0);

        synced.Length.Should().Be((3 * 65_536) + 1_000);
        synced.TruncateVer.Should().Be(1, "the length shrank");
        (await SyncAsync(file.Id, 1_000_000, 0))
            .Length.Should()
            .Be(synced.Length, "the hint is stale");
    }

    [Fact]
    public async Task Open_ForWriting_NeedsASession()
    {
        await _fs.CreateAsync("/f");

        var without = await OpenAsync("/f", OpenFlags.WriteOnly, null);
        var truncating = await OpenAsync("/f", OpenFlags.ReadOnly | OpenFlags.Truncate, null);
        var with = await OpenAsync(
            "/f",
            OpenFlags.WriteOnly | OpenFlags.Truncate,
            _fs.NewSession()
        );

        without.Status.Code.Should().Be(StatusCode.InvalidArg);
        truncating.Status.Code.Should().Be(StatusCode.InvalidArg);
        with.Value.NeedTruncate.Should().BeTrue();
    }

    [Fact]
    public async Task Open_Directory_OnlyForReading()
    {
        await _fs.MakeDirectoryAsync("/d");
        await _fs.CreateAsync("/f");

        (await OpenAsync("/d", OpenFlags.Directory, null)).HasValue.Should().BeTrue();
        (await OpenAsync("/f", OpenFlags.Directory, null))
            .Status.Code.Should()
            .Be(StatusCode.MetaNotDirectory);
        (await OpenAsync("/d", OpenFlags.WriteOnly, _fs.NewSession()))
            .Status.Code.Should()
            .Be(StatusCode.MetaIsDirectory);
    }

    [Fact]
    public async Task Remove_FileWithChunks_CollectsThemWhenNobodyWrites()
    {
        var session = _fs.NewSession();
        var made = await _fs.TryCreateAsync(
            "/f",
            OpenFlags.Create | OpenFlags.WriteOnly,
            session: session
        );
        var file = made.Value.Stat;
        for (var i = 0u; i < 8; i++)
        {
            await WriteChunkAsync(file, i, 60_000);
        }
        var before = (await _fs.Cluster.VerifyChunksAsync()).Chunks;

        (await _fs.RemoveAsync("/f")).Should().Be(StatusCode.Ok);
        await Task.Delay(300);
        var whileOpen = (await _fs.Cluster.VerifyChunksAsync()).Chunks;
        var close = new CloseReq { Inode = file.Id, Session = session };
        await _fs.Client.MetaAsync<CloseReq, CloseRsp>(MetaMethod.Close, close);
        await UntilAsync(async () => (await _fs.Cluster.VerifyChunksAsync()).Chunks == 0);

        before.Should().Be(8);
        whileOpen.Should().Be(8, "a client still has the file open for writing");
    }

    [Fact]
    public async Task RemoveRecursive_Tree_IsCollectedWithItsChunks()
    {
        await _fs.MakeDirectoryAsync("/t/a/b");
        for (var i = 0; i < 5; i++)
        {
            await WriteChunkAsync(await _fs.CreateAsync($"/t/a/b/{i}"), 0, 100);
        }

        (await _fs.RemoveAsync("/t", AtFlags.RemoveDirectory)).Should().Be(StatusCode.MetaNotEmpty);
        (await _fs.RemoveAsync("/t", recursive: true)).Should().Be(StatusCode.Ok);

        (await _fs.ListAsync("/")).Should().BeEmpty();
        await UntilAsync(async () => (await _fs.Cluster.VerifyChunksAsync()).Chunks == 0);
    }

    [Fact]
    public async Task LockDirectory_ByAnotherClient_StopsChanges()
    {
        var directory = await _fs.MakeDirectoryAsync("/d");
        await using var other = await _fs.ClientAsync(0, 0);
        var request = new LockDirectoryReq { Inode = directory.Id, Action = LockAction.TryLock };
        await _fs.Client.MetaAsync<LockDirectoryReq, LockDirectoryRsp>(
            MetaMethod.LockDirectory,
            request
        );

        (await _fs.TryCreateAsync("/d/x", by: other))
            .Status.Code.Should()
            .Be(StatusCode.MetaNoLock);
        (await _fs.RemoveAsync("/d", AtFlags.RemoveDirectory, by: other))
            .Should()
            .Be(StatusCode.MetaNoLock);
        (await _fs.TryCreateAsync("/d/x")).HasValue.Should().BeTrue();
    }

    [Fact]
    public async Task Create_InvalidLayout_IsRefused()
    {
        var layouts = new[]
        {
            new Layout
            {
                TableId = 1,
                ChunkSize = 1000,
                StripeSize = 1,
            },
            new Layout
            {
                TableId = 1,
                ChunkSize = 65536,
                StripeSize = 0,
            },
            new Layout
            {
                TableId = 9,
                ChunkSize = 65536,
                StripeSize = 1,
            },
            new Layout
            {
                TableId = 1,
                ChunkSize = 65536,
                StripeSize = uint.MaxValue,
            },
        };
        foreach (var layout in layouts)
        {
            var made = await _fs.Client.MetaAsync<CreateReq, CreateRsp>(
                MetaMethod.Create,
                new CreateReq
                {
                    Path = MetaFixture.At("/f"),
                    Flags = OpenFlags.Create,
                    Layout = layout,
                }
            );
            made.Status.Code.Should().Be(StatusCode.MetaInvalidFileLayout);
        }
    }

    private async Task WriteChunkAsync(Inode inode, uint index, int length)
    {
        var layout = DeepInfra.Fs.Metadata.FileLayout.Create(((FileInode)inode.Type).Layout);
        var slot = layout.SlotOf(index);
        var table = _fs.Client.Routing.ChainTables[1][1];
        var chain = table.Chains[(int)((slot - 1) % (uint)table.Chains.Count)];
        var result = await _fs.Client.WriteAsync(
            chain,
            new ChunkId(inode.Id, 0, index),
            0,
            new byte[length]
        );
        result.LengthInfo.HasValue.Should().BeTrue();
    }

    private async Task<FileInode> SyncAsync(ulong inode, ulong? hint, ulong truncateVersion)
    {
        var response = await _fs.Client.MetaAsync<SyncReq, SyncRsp>(
            MetaMethod.Sync,
            new SyncReq
            {
                Inode = inode,
                UpdateLength = true,
                LengthHint = hint is { } length
                    ? new VersionedLength { Length = length, TruncateVer = truncateVersion }
                    : null,
            }
        );
        return (FileInode)MetaFixture.Value(response).Stat.Type;
    }

    private async Task<Result<OpenRsp>> OpenAsync(
        string path,
        OpenFlags flags,
        SessionInfo? session
    ) =>
        await _fs.Client.MetaAsync<OpenReq, OpenRsp>(
            MetaMethod.Open,
            new OpenReq
            {
                Path = MetaFixture.At(path),
                Flags = flags,
                Session = session,
                RemoveChunksBatchSize = 32,
            }
        );

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        for (var i = 0; i < 400; i++)
        {
            if (await condition())
            {
                return;
            }
            await Task.Delay(25);
        }
        throw new TimeoutException("the condition did not come true within 10 s");
    }
}
