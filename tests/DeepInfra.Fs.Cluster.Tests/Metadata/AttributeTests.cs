// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Metadata;

/// <summary>Owners, bits, flags, times and stripes that change by themselves or by request.</summary>
public sealed class AttributeTests : IAsyncLifetime
{
    private const uint SetUid = 0x800;
    private const uint SetGid = 0x400;

    private MetaFixture _fs = null!;

    public async ValueTask InitializeAsync() =>
        _fs = await MetaFixture.StartAsync(o => o with { StripeSize = 40 });

    public ValueTask DisposeAsync() => _fs.DisposeAsync();

    [Fact]
    public async Task Open_ForWritingByAnother_ClearsTheSpecialBits()
    {
        await using var owner = await _fs.ClientAsync(10, 20);
        await using var other = await _fs.ClientAsync(11, 20);
        await _fs.CreateAsync("/f", SetUid | SetGid | 0x1B6, owner);

        await OpenAsync(owner, OpenFlags.WriteOnly);
        var byOwner = (await _fs.StatAsync("/f")).Acl.Perm;
        await OpenAsync(other, OpenFlags.ReadOnly);
        var byReader = (await _fs.StatAsync("/f")).Acl.Perm;
        await OpenAsync(other, OpenFlags.WriteOnly);
        var byWriter = (await _fs.StatAsync("/f")).Acl.Perm;

        (byOwner, byReader, byWriter)
            .Should()
            .Be((SetUid | SetGid | 0x1B6, SetUid | SetGid | 0x1B6, 0x1B6u));
    }

    [Fact]
    public async Task SetGidDirectory_NewEntries_InheritItsGroup()
    {
        await using var user = await _fs.ClientAsync(11, 21);
        await _fs.MakeDirectoryAsync("/d", SetGid | 0x1FF);
        await SetAsync("/d", r => r.Gid = 77);

        var file = await _fs.CreateAsync("/d/f", 0x1A4, user);
        var directory = await _fs.MakeDirectoryAsync("/d/e", 0x1ED, user);
        var outside = await _fs.CreateAsync("/f", 0x1A4, user);

        (file.Acl.Gid, file.Acl.Perm).Should().Be((77u, 0x1A4u));
        (directory.Acl.Gid, directory.Acl.Perm).Should().Be((77u, SetGid | 0x1ED));
        outside.Acl.Gid.Should().Be(21);
    }

    [Fact]
    public async Task DirectoryFlags_OfChunkEngineAndAllocation_AreInheritedAndOthersAreNot()
    {
        await _fs.MakeDirectoryAsync("/d");
        var inherited = InodeFlags.ChunkEngine | InodeFlags.DirectoryChainAllocation;
        await SetAsync("/d", r => r.Iflags = inherited | InodeFlags.HugeFile);

        (await _fs.CreateAsync("/d/f")).Acl.Iflags.Should().Be(inherited);
        (await _fs.MakeDirectoryAsync("/d/e")).Acl.Iflags.Should().Be(inherited);
    }

    [Fact]
    public async Task Times_Set_AreWholeSecondsAndMinusOneIsNow()
    {
        await _fs.CreateAsync("/f");

        var given = await SetAsync("/f", r => (r.Atime, r.Mtime) = (1_500_000_999_999, 1));
        var now = await SetAsync("/f", r => r.Mtime = -1);

        (given.Atime, given.Mtime).Should().Be((1_500_000_000_000, 0));
        now.Mtime.Should().BeGreaterThan(1_700_000_000_000_000);
        (now.Mtime % 1_000_000).Should().Be(0);
        now.Atime.Should().Be(1_500_000_000_000, "it was not asked for");
    }

    [Fact]
    public async Task Sync_OlderTimes_DoNotMoveBack()
    {
        var file = await _fs.CreateAsync("/f");
        var later = file.Mtime + 5_000_000;

        var forward = await SyncAsync(file.Id, later, later + 1_000_000);
        var back = await SyncAsync(file.Id, 0, 1_000_000);

        (forward.Atime, forward.Mtime).Should().Be((later, later + 1_000_000));
        (back.Atime, back.Mtime).Should().Be((later, later + 1_000_000));
    }

    [Fact]
    public async Task DynamicStripe_GrowsByDoublingAndEndsWithAnUnawareWriter()
    {
        var made = await CreateAsync("/f", dynamic: true);
        var plain = await CreateAsync("/g", dynamic: false);

        var grown = Stripe(await SetAsync("/f", r => r.DynStripe = 17));
        var smaller = Stripe(await SetAsync("/f", r => r.DynStripe = 3));
        var most = Stripe(await SetAsync("/f", r => r.DynStripe = 1000));
        var off = Stripe(await SetAsync("/g", r => r.DynStripe = 20));
        await OpenAsync(_fs.Client, OpenFlags.WriteOnly, dynamic: true);
        var aware = Stripe(await _fs.StatAsync("/f"));
        await OpenAsync(_fs.Client, OpenFlags.ReadOnly);
        var reader = Stripe(await _fs.StatAsync("/f"));
        await OpenAsync(_fs.Client, OpenFlags.WriteOnly);
        var unaware = Stripe(await _fs.StatAsync("/f"));

        (Stripe(made), grown, smaller, most).Should().Be((16u, 32u, 32u, 40u));
        (Stripe(plain), off).Should().Be((0u, 0u), "a file without it does not get it");
        (aware, reader, unaware).Should().Be((40u, 40u, 0u));
    }

    [Fact]
    public async Task SetAttr_WhatTheInodeDoesNotHave_IsRefused()
    {
        await _fs.MakeDirectoryAsync("/d");
        await _fs.CreateAsync("/f");
        var layout = new Layout
        {
            TableId = 1,
            ChunkSize = 65536,
            StripeSize = 1,
        };

        (await TrySetAsync("/d", r => r.DynStripe = 20)).Should().Be(StatusCode.MetaNotFile);
        (await TrySetAsync("/f", r => r.Layout = layout)).Should().Be(StatusCode.MetaNotDirectory);
        (await TrySetAsync("/none", r => r.Perm = 0)).Should().Be(StatusCode.MetaNotFound);
    }

    [Fact]
    public async Task SetAttr_Link_FollowsItUnlessTold()
    {
        await _fs.CreateAsync("/f", 0x1A4);
        await _fs.SymlinkAsync("/s", "f");

        await SetAsync("/s", r => r.Perm = 0x180);
        await SetAsync("/s", r => (r.Perm, r.Flags) = (0x1C0, AtFlags.SymlinkNoFollow));

        (await _fs.StatAsync("/f")).Acl.Perm.Should().Be(0x180);
        (await _fs.StatAsync("/s")).Acl.Perm.Should().Be(0x1C0);
    }

    private static uint Stripe(Inode inode) => ((FileInode)inode.Type).DynStripe;

    private async Task<Inode> CreateAsync(string path, bool dynamic) =>
        MetaFixture
            .Value(
                await _fs.Client.MetaAsync<CreateReq, CreateRsp>(
                    MetaMethod.Create,
                    new CreateReq { Path = MetaFixture.At(path), DynStripe = dynamic }
                )
            )
            .Stat;

    private static async Task OpenAsync(RawClient client, OpenFlags flags, bool dynamic = false) =>
        MetaFixture.Value(
            await client.MetaAsync<OpenReq, OpenRsp>(
                MetaMethod.Open,
                new OpenReq
                {
                    Path = MetaFixture.At("/f"),
                    Flags = flags,
                    DynStripe = dynamic,
                    Session =
                        flags == OpenFlags.ReadOnly
                            ? null
                            : new SessionInfo { Client = client.Id, Session = Guid.NewGuid() },
                }
            )
        );

    private async Task<Inode> SyncAsync(ulong inode, long atime, long mtime) =>
        MetaFixture
            .Value(
                await _fs.Client.MetaAsync<SyncReq, SyncRsp>(
                    MetaMethod.Sync,
                    new SyncReq
                    {
                        Inode = inode,
                        Atime = atime,
                        Mtime = mtime,
                    }
                )
            )
            .Stat;

    private async Task<Inode> SetAsync(string path, Action<SetAttrReq> change)
    {
        var request = new SetAttrReq { Path = MetaFixture.At(path) };
        change(request);
        return MetaFixture
            .Value(await _fs.Client.MetaAsync<SetAttrReq, SetAttrRsp>(MetaMethod.SetAttr, request))
            .Stat;
    }

    private async Task<StatusCode> TrySetAsync(string path, Action<SetAttrReq> change)
    {
        var request = new SetAttrReq { Path = MetaFixture.At(path) };
        change(request);
        return (await _fs.Client.MetaAsync<SetAttrReq, SetAttrRsp>(MetaMethod.SetAttr, request))
            .Status
            .Code;
    }
}
