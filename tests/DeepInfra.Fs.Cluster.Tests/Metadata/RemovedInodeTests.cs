// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Metadata;

/// <summary>
/// What was removed waits for the collector and can still be named by its inode. Nothing may be built on it.
/// </summary>
public sealed class RemovedInodeTests : IAsyncLifetime
{
    private MetaFixture _fs = null!;

    public async ValueTask InitializeAsync() =>
        _fs = await MetaFixture.StartAsync(o => o with { GcInterval = TimeSpan.FromHours(1) });

    public ValueTask DisposeAsync() => _fs.DisposeAsync();

    [Fact]
    public async Task HardLink_RemovedFile_IsNotFound()
    {
        var file = await _fs.CreateAsync("/f");
        (await _fs.RemoveAsync("/f")).Should().Be(StatusCode.Ok);

        var link = await _fs.Client.MetaAsync<HardLinkReq, HardLinkRsp>(
            MetaMethod.HardLink,
            new HardLinkReq
            {
                OldPath = new PathAt { Parent = file.Id },
                NewPath = MetaFixture.At("/g"),
            }
        );

        link.Status.Code.Should().Be(StatusCode.MetaNotFound);
        (await _fs.ListAsync("/")).Should().BeEmpty();
    }

    [Fact]
    public async Task HardLink_FileWithAnotherName_LinksIt()
    {
        var file = await _fs.CreateAsync("/f");

        var link = await _fs.Client.MetaAsync<HardLinkReq, HardLinkRsp>(
            MetaMethod.HardLink,
            new HardLinkReq
            {
                OldPath = new PathAt { Parent = file.Id },
                NewPath = MetaFixture.At("/g"),
            }
        );

        MetaFixture.Value(link).Stat.Nlink.Should().Be(2);
    }

    [Fact]
    public async Task HardLink_ManyOfOneInodeAtOnce_CountsEachName()
    {
        var file = await _fs.CreateAsync("/f");

        await Parallel.ForAsync(
            0,
            60,
            async (i, _) =>
            {
                var link = await _fs.Client.MetaAsync<HardLinkReq, HardLinkRsp>(
                    MetaMethod.HardLink,
                    new HardLinkReq
                    {
                        OldPath = new PathAt { Parent = file.Id },
                        NewPath = MetaFixture.At($"/link{i}"),
                    }
                );
                link.Status.Code.Should().Be(StatusCode.Ok);
            }
        );

        (await _fs.StatAsync("/f")).Nlink.Should().Be(61);
    }

    [Fact]
    public async Task Open_ByInodeWhileTheLengthIsReported_KeepsTheLength()
    {
        var file = await _fs.CreateAsync("/f", perm: 0x9B6);
        await using var other = await _fs.ClientAsync(7, 7);
        for (var i = 1; i <= 40; i++)
        {
            var path = new PathAt { Parent = file.Id };
            // Set again, so that each open of another user takes the bits away and writes the inode.
            await _fs.Client.MetaAsync<SetAttrReq, SetAttrRsp>(
                MetaMethod.SetAttr,
                new SetAttrReq { Path = path, Perm = 0x9B6 }
            );
            var sync = _fs
                .Client.MetaAsync<SyncReq, SyncRsp>(
                    MetaMethod.Sync,
                    new SyncReq
                    {
                        Inode = file.Id,
                        UpdateLength = true,
                        LengthHint = new VersionedLength { Length = (ulong)i },
                    }
                )
                .AsTask();
            var open = other
                .MetaAsync<OpenReq, OpenRsp>(
                    MetaMethod.Open,
                    new OpenReq
                    {
                        Path = path,
                        Flags = OpenFlags.WriteOnly,
                        Session = new SessionInfo { Client = other.Id, Session = Guid.NewGuid() },
                    }
                )
                .AsTask();

            (await sync).Status.Code.Should().Be(StatusCode.Ok);
            (await open).Status.Code.Should().Be(StatusCode.Ok);
            var now = (FileInode)(await _fs.StatAsync("/f")).Type;
            now.Length.Should().Be((ulong)i);
        }
    }

    [Fact]
    public async Task Create_InRemovedDirectory_IsNotFound()
    {
        var directory = await _fs.MakeDirectoryAsync("/d");
        await _fs.CreateAsync("/d/f");
        (await _fs.RemoveAsync("/d", recursive: true, request: Guid.NewGuid()))
            .Should()
            .Be(StatusCode.Ok);
        var at = new PathAt { Parent = directory.Id, Path = "new" };

        var create = await _fs.Client.MetaAsync<CreateReq, CreateRsp>(
            MetaMethod.Create,
            new CreateReq { Path = at, Flags = OpenFlags.Create }
        );
        var mkdir = await _fs.Client.MetaAsync<MkdirsReq, MkdirsRsp>(
            MetaMethod.Mkdirs,
            new MkdirsReq { Path = at, Recursive = true }
        );
        await _fs.CreateAsync("/kept");
        var rename = await _fs.Client.MetaAsync<RenameReq, RenameRsp>(
            MetaMethod.Rename,
            new RenameReq { Src = MetaFixture.At("/kept"), Dest = at }
        );

        foreach (var status in new[] { create.Status, mkdir.Status, rename.Status })
        {
            status.Code.Should().Be(StatusCode.MetaNotFound, "it would be collected");
        }
        (await _fs.ListAsync("/")).Should().Equal("kept");
    }

    [Fact]
    public async Task RealPath_OfWhatWasRemoved_IsNotFound()
    {
        await _fs.MakeDirectoryAsync("/d");
        var below = await _fs.MakeDirectoryAsync("/d/below");
        await _fs.RemoveAsync("/d", recursive: true, request: Guid.NewGuid());

        foreach (var inode in new[] { below.Id, 1ul })
        {
            var path = await _fs.Client.MetaAsync<GetRealPathReq, GetRealPathRsp>(
                MetaMethod.GetRealPath,
                new GetRealPathReq
                {
                    Path = new PathAt { Parent = inode },
                    Absolute = true,
                }
            );
            path.Status.Code.Should().Be(StatusCode.MetaNotFound);
        }
    }

    [Fact]
    public async Task Create_InAFileByItsInode_IsRefused()
    {
        var file = await _fs.CreateAsync("/f");

        var create = await _fs.Client.MetaAsync<CreateReq, CreateRsp>(
            MetaMethod.Create,
            new CreateReq
            {
                Path = new PathAt { Parent = file.Id, Path = "new" },
                Flags = OpenFlags.Create,
            }
        );

        create.Status.Code.Should().Be(StatusCode.MetaNotDirectory);
    }

    [Fact]
    public async Task LongPaths_OfRequests_AreRefused()
    {
        var path = string.Concat(Enumerable.Repeat("/d", 2049));

        var mkdir = await _fs.Client.MetaAsync<MkdirsReq, MkdirsRsp>(
            MetaMethod.Mkdirs,
            new MkdirsReq { Path = MetaFixture.At(path), Recursive = true }
        );
        var symlink = await _fs.SymlinkAsync("/l", path);

        mkdir.Status.Code.Should().Be(StatusCode.MetaNameTooLong);
        symlink.Should().Be(StatusCode.MetaNameTooLong);
        (await _fs.ListAsync("/")).Should().BeEmpty();
    }
}
