// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Metadata;

/// <summary>The smaller methods of the metadata service, and what directory locks do.</summary>
public sealed class QueryTests : IAsyncLifetime
{
    private MetaFixture _fs = null!;

    public async ValueTask InitializeAsync() => _fs = await MetaFixture.StartAsync();

    public ValueTask DisposeAsync() => _fs.DisposeAsync();

    [Fact]
    public async Task BatchStat_SomeMissing_AnswersInOrder()
    {
        var a = await _fs.CreateAsync("/a");
        var d = await _fs.MakeDirectoryAsync("/d");

        var answer = await CallAsync<BatchStatReq, BatchStatRsp>(
            MetaMethod.BatchStat,
            new() { InodeIds = [d.Id, 0xABCDEF, a.Id, 0] }
        );
        var empty = await CallAsync<BatchStatReq, BatchStatRsp>(MetaMethod.BatchStat, new());

        answer.Inodes.Select(i => i?.Id).Should().Equal(d.Id, null, a.Id, 0);
        empty.Inodes.Should().BeEmpty();
    }

    [Fact]
    public async Task BatchStatByPath_GoodAndBad_AnswersEach()
    {
        await _fs.CreateAsync("/a");
        await _fs.SymlinkAsync("/s", "a");
        await _fs.SymlinkAsync("/loop", "loop");

        var answer = await CallAsync<BatchStatByPathReq, BatchStatByPathRsp>(
            MetaMethod.BatchStatByPath,
            new()
            {
                Paths =
                [
                    MetaFixture.At("/a"),
                    MetaFixture.At("/none"),
                    MetaFixture.At("/s"),
                    MetaFixture.At("/loop"),
                    MetaFixture.At("/a/b"),
                ],
                Flags = AtFlags.SymlinkFollow,
            }
        );

        answer
            .Inodes.Select(i => i.Status.Code)
            .Should()
            .Equal(
                StatusCode.Ok,
                StatusCode.MetaNotFound,
                StatusCode.Ok,
                StatusCode.MetaTooManySymlinks,
                StatusCode.MetaNotDirectory
            );
        answer.Inodes[2].Value.Type.Should().BeOfType<FileInode>();
    }

    [Fact]
    public async Task GetRealPath_LinksAndDots_AreResolved()
    {
        var d = await _fs.MakeDirectoryAsync("/d/e");
        await _fs.CreateAsync("/d/e/f");
        await _fs.SymlinkAsync("/s", "d/e");

        (await RealPathAsync(MetaFixture.At("/s/../e/./f"))).Should().Be("/d/e/f");
        (await RealPathAsync(MetaFixture.At("/s"))).Should().Be("/d/e");
        (await RealPathAsync(MetaFixture.At("/"))).Should().Be("/");
        (await RealPathAsync(new PathAt { Parent = d.Id, Path = "f" })).Should().Be("f");
        (await RealPathAsync(new PathAt { Parent = d.Id, Path = "f" }, true)).Should().Be("/d/e/f");
        (await RealPathAsync(new PathAt { Parent = d.Id }, true)).Should().Be("/d/e");
        var missing = await _fs.Client.MetaAsync<GetRealPathReq, GetRealPathRsp>(
            MetaMethod.GetRealPath,
            new GetRealPathReq { Path = MetaFixture.At("/none") }
        );
        missing.Status.Code.Should().Be(StatusCode.MetaNotFound);
    }

    [Fact]
    public async Task SmallMethods_Answer()
    {
        var space = await CallAsync<StatFsReq, StatFsRsp>(MetaMethod.StatFs, new());
        var user = await CallAsync<AuthReq, AuthRsp>(MetaMethod.Authenticate, new());
        await CallAsync<DropUserCacheReq, DropUserCacheRsp>(MetaMethod.DropUserCache, new());
        await CallAsync<TestRpcReq, TestRpcRsp>(MetaMethod.TestRpc, new());
        var retired = await _fs.Client.MetaAsync<TruncateReq, TruncateRsp>(
            MetaMethod.Truncate,
            new TruncateReq()
        );

        space.Capacity.Should().Be(space.Used + space.Free).And.BePositive();
        user.User.Uid.Should().Be(_fs.Client.User.Uid);
        retired.Status.Code.Should().Be(StatusCode.NotImplemented);
    }

    [Fact]
    public async Task List_Pages_FollowEachOtherWithTheirInodes()
    {
        for (var i = 0; i < 5; i++)
        {
            await _fs.CreateAsync($"/n{i}");
        }
        await _fs.MakeDirectoryAsync("/d");

        var first = await ListAsync("", 4, true);
        var second = await ListAsync(first.Entries[^1].Name, 4, true);
        var without = await ListAsync("", -1, false);
        var beyond = await ListAsync("zzz", 4, false);

        first.Entries.Select(e => e.Name).Should().Equal("d", "n0", "n1", "n2");
        first.Inodes.Select(i => i.Id).Should().Equal(first.Entries.Select(e => e.Id));
        first.More.Should().BeTrue();
        second.Entries.Select(e => e.Name).Should().Equal("n3", "n4");
        second.More.Should().BeFalse();
        (without.Entries.Count, without.Inodes.Count, without.More).Should().Be((6, 0, false));
        (beyond.Entries.Count, beyond.More).Should().Be((0, false));
        first.Entries[0].DirAcl.Should().NotBeNull("present exactly for directories");
        first.Entries[1].DirAcl.Should().BeNull();
    }

    [Fact]
    public async Task List_File_IsNoDirectory()
    {
        await _fs.CreateAsync("/f");

        var list = await _fs.Client.MetaAsync<ListReq, ListRsp>(
            MetaMethod.List,
            new ListReq { Path = MetaFixture.At("/f") }
        );

        list.Status.Code.Should().Be(StatusCode.MetaNotDirectory);
    }

    [Fact]
    public async Task LockDirectory_Actions_FollowTheirRules()
    {
        var d = await _fs.MakeDirectoryAsync("/d");
        await using var other = await _fs.ClientAsync(0, 0);

        (await LockAsync(_fs.Client, d.Id, LockAction.UnLock)).Should().Be(StatusCode.MetaNoLock);
        (await LockAsync(_fs.Client, d.Id, LockAction.TryLock)).Should().Be(StatusCode.Ok);
        (await LockAsync(_fs.Client, d.Id, LockAction.TryLock)).Should().Be(StatusCode.Ok);
        (await LockAsync(other, d.Id, LockAction.TryLock)).Should().Be(StatusCode.MetaNoLock);
        (await LockAsync(other, d.Id, LockAction.UnLock)).Should().Be(StatusCode.MetaNoLock);
        (await LockAsync(other, d.Id, LockAction.PreemptLock)).Should().Be(StatusCode.Ok);
        (await LockAsync(_fs.Client, d.Id, LockAction.UnLock)).Should().Be(StatusCode.MetaNoLock);
        (await LockAsync(_fs.Client, d.Id, LockAction.Clear)).Should().Be(StatusCode.Ok);
        (await LockAsync(_fs.Client, d.Id, LockAction.TryLock)).Should().Be(StatusCode.Ok);
        (await LockAsync(_fs.Client, d.Id, LockAction.UnLock)).Should().Be(StatusCode.Ok);
        (await LockAsync(_fs.Client, d.Id, (LockAction)9)).Should().Be(StatusCode.InvalidArg);
    }

    [Fact]
    public async Task LockDirectory_WhatIsNone_IsRefused()
    {
        var file = await _fs.CreateAsync("/f");

        (await LockAsync(_fs.Client, file.Id, LockAction.TryLock))
            .Should()
            .Be(StatusCode.MetaNotDirectory);
        (await LockAsync(_fs.Client, 0xABCDEF, LockAction.TryLock))
            .Should()
            .Be(StatusCode.MetaNotFound);
    }

    [Fact]
    public async Task LockedDirectory_EveryChangeByAnother_IsRefused()
    {
        var d = await _fs.MakeDirectoryAsync("/d");
        await _fs.CreateAsync("/d/f");
        await _fs.CreateAsync("/f");
        await using var other = await _fs.ClientAsync(0, 0);
        await LockAsync(_fs.Client, d.Id, LockAction.TryLock);

        var codes = new[]
        {
            (await _fs.TryCreateAsync("/d/n", by: other)).Status.Code,
            await _fs.SymlinkAsync("/d/n", "f", other),
            await _fs.RemoveAsync("/d/f", by: other),
            await _fs.RemoveAsync("/d", recursive: true, by: other),
            await _fs.RenameAsync("/d/f", "/n", other),
            await _fs.RenameAsync("/f", "/d/n", other),
            await _fs.RenameAsync("/d", "/n", other),
            (
                await other.MetaAsync<HardLinkReq, HardLinkRsp>(
                    MetaMethod.HardLink,
                    new HardLinkReq
                    {
                        OldPath = MetaFixture.At("/f"),
                        NewPath = MetaFixture.At("/d/n"),
                    }
                )
            )
                .Status
                .Code,
        };

        codes.Should().AllBeEquivalentTo(StatusCode.MetaNoLock);
        (await _fs.TryStatAsync("/d/f", by: other)).HasValue.Should().BeTrue("reading is free");
        (await _fs.RemoveAsync("/d/f")).Should().Be(StatusCode.Ok, "the holder may");
    }

    private async Task<TRsp> CallAsync<TReq, TRsp>(ushort method, TReq request)
        where TReq : MetaRequest, ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new() =>
        MetaFixture.Value(await _fs.Client.MetaAsync<TReq, TRsp>(method, request));

    private async Task<string> RealPathAsync(PathAt path, bool absolute = false) =>
        (
            await CallAsync<GetRealPathReq, GetRealPathRsp>(
                MetaMethod.GetRealPath,
                new() { Path = path, Absolute = absolute }
            )
        ).Path;

    private Task<ListRsp> ListAsync(string previous, int limit, bool status) =>
        CallAsync<ListReq, ListRsp>(
            MetaMethod.List,
            new()
            {
                Path = MetaFixture.At("/"),
                Prev = previous,
                Limit = limit,
                Status = status,
            }
        );

    private static async Task<StatusCode> LockAsync(
        RawClient client,
        ulong inode,
        LockAction action
    ) =>
        (
            await client.MetaAsync<LockDirectoryReq, LockDirectoryRsp>(
                MetaMethod.LockDirectory,
                new LockDirectoryReq { Inode = inode, Action = action }
            )
        )
            .Status
            .Code;
}
