// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Metadata;

/// <summary>Requests that the service refuses as they are, whatever is in the tree.</summary>
public sealed class RequestValidationTests : IAsyncLifetime
{
    private static readonly Guid s_id = new("0f0e0d0c-0b0a-0908-0706-050403020100");

    private MetaFixture _fs = null!;

    public async ValueTask InitializeAsync() => _fs = await MetaFixture.StartAsync();

    public ValueTask DisposeAsync() => _fs.DisposeAsync();

    [Fact]
    public async Task PathWithoutFileName_CannotNameWhatIsToBeChanged()
    {
        await _fs.MakeDirectoryAsync("/d");
        await _fs.CreateAsync("/f");
        foreach (var path in new[] { null, "", "/", ".", "..", "/d/.", "/d/.." })
        {
            await CannotChangeAsync(path);
        }
    }

    private async Task CannotChangeAsync(string? path)
    {
        var at = new PathAt { Path = path };
        var file = MetaFixture.At("/f");

        var codes = new[]
        {
            await CodeAsync<CreateReq, CreateRsp>(MetaMethod.Create, new() { Path = at }),
            await CodeAsync<SymlinkReq, SymlinkRsp>(
                MetaMethod.Symlink,
                new() { Path = at, Target = "x" }
            ),
            await CodeAsync<HardLinkReq, HardLinkRsp>(
                MetaMethod.HardLink,
                new() { OldPath = file, NewPath = at }
            ),
            await CodeAsync<RenameReq, RenameRsp>(
                MetaMethod.Rename,
                new() { Src = file, Dest = at }
            ),
            await CodeAsync<RenameReq, RenameRsp>(
                MetaMethod.Rename,
                new() { Src = at, Dest = MetaFixture.At("/n") }
            ),
            await CodeAsync<RemoveReq, RemoveRsp>(MetaMethod.Remove, new() { Path = at }),
        };

        codes.Should().AllBeEquivalentTo(StatusCode.InvalidArg, $"path '{path}'");
        (await _fs.ListAsync("/")).Should().Equal("d", "f");
    }

    [Fact]
    public async Task OpenAndCreate_ContradictoryFlags_AreRefused()
    {
        await _fs.CreateAsync("/f");
        await RefusedAsync(OpenFlags.WriteOnly, null, 32, "no session");
        await RefusedAsync(OpenFlags.ReadWrite, null, 32, "no session");
        await RefusedAsync(
            OpenFlags.Truncate,
            _fs.NewSession(),
            32,
            "truncation without write access"
        );
        await RefusedAsync(OpenFlags.Append, _fs.NewSession(), 32, "append without write access");
        await RefusedAsync(
            OpenFlags.WriteOnly | OpenFlags.Truncate,
            _fs.NewSession(),
            0,
            "a removal batch of 0"
        );
        await RefusedAsync(
            OpenFlags.WriteOnly | OpenFlags.Directory,
            _fs.NewSession(),
            32,
            "a directory to write"
        );
        await RefusedAsync(
            OpenFlags.Directory | OpenFlags.Truncate,
            _fs.NewSession(),
            32,
            "a directory to truncate"
        );
        await RefusedAsync((OpenFlags)3, _fs.NewSession(), 32, "no access mode");
    }

    private async Task RefusedAsync(OpenFlags flags, SessionInfo? session, uint batch, string why)
    {
        var open = await CodeAsync<OpenReq, OpenRsp>(
            MetaMethod.Open,
            new()
            {
                Path = MetaFixture.At("/f"),
                Flags = flags,
                Session = session,
                RemoveChunksBatchSize = batch,
            }
        );
        var create = await CodeAsync<CreateReq, CreateRsp>(
            MetaMethod.Create,
            new()
            {
                Path = MetaFixture.At("/f"),
                Flags = flags | OpenFlags.Create,
                Session = session,
                RemoveChunksBatchSize = batch,
            }
        );

        (open, create).Should().Be((StatusCode.InvalidArg, StatusCode.InvalidArg), why);
    }

    [Fact]
    public async Task OpenAndCreate_SessionWithZeroIds_AreRefused()
    {
        await _fs.CreateAsync("/f");
        SessionInfo[] sessions =
        [
            new()
            {
                Client = new ClientId { Hostname = "h" },
                Session = s_id,
            },
            new() { Client = _fs.Client.Id, Session = Guid.Empty },
        ];

        foreach (var session in sessions)
        {
            (
                await CodeAsync<OpenReq, OpenRsp>(
                    MetaMethod.Open,
                    new()
                    {
                        Path = MetaFixture.At("/f"),
                        Flags = OpenFlags.WriteOnly,
                        Session = session,
                    }
                )
            ).Should().Be(StatusCode.InvalidArg);
        }
    }

    [Fact]
    public async Task Open_WithCreationFlag_IsRefused()
    {
        (
            await CodeAsync<OpenReq, OpenRsp>(
                MetaMethod.Open,
                new() { Path = MetaFixture.At("/f"), Flags = OpenFlags.Create }
            )
        )
            .Should()
            .Be(StatusCode.InvalidArg);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public async Task Mkdirs_WithoutPath_IsRefused(string? path)
    {
        foreach (var recursive in new[] { false, true })
        {
            (
                await CodeAsync<MkdirsReq, MkdirsRsp>(
                    MetaMethod.Mkdirs,
                    new()
                    {
                        Path = new PathAt { Path = path },
                        Recursive = recursive,
                    }
                )
            ).Should().Be(StatusCode.InvalidArg);
        }
    }

    [Fact]
    public async Task Mkdirs_ThroughDotsOfMissingDirectories_MakesNothing()
    {
        var dots = await CodeAsync<MkdirsReq, MkdirsRsp>(
            MetaMethod.Mkdirs,
            new() { Path = MetaFixture.At("/a/../b"), Recursive = true }
        );
        var tooLong = await CodeAsync<MkdirsReq, MkdirsRsp>(
            MetaMethod.Mkdirs,
            new() { Path = MetaFixture.At("/a/" + new string('x', 256)), Recursive = true }
        );

        dots.Should().Be(StatusCode.InvalidArg);
        tooLong.Should().Be(StatusCode.MetaNameTooLong);
        (await _fs.ListAsync("/")).Should().BeEmpty();
    }

    [Fact]
    public async Task RecursiveRemoveAndTrash_WithoutIds_AreRefused()
    {
        await _fs.MakeDirectoryAsync("/d");
        await using var anonymous = await RawClient.ConnectAsync(
            _fs.Cluster,
            new UserInfo(),
            Guid.Empty
        );

        var remove = await anonymous.MetaAsync<RemoveReq, RemoveRsp>(
            MetaMethod.Remove,
            new() { Path = MetaFixture.At("/d"), Recursive = true }
        );
        var trash = await anonymous.MetaAsync<RenameReq, RenameRsp>(
            MetaMethod.Rename,
            new()
            {
                Src = MetaFixture.At("/d"),
                Dest = MetaFixture.At("/e"),
                MoveToTrash = true,
            }
        );

        remove.Status.Code.Should().Be(StatusCode.InvalidArg);
        trash.Status.Code.Should().Be(StatusCode.InvalidArg);
    }

    [Fact]
    public async Task SyncAndClose_Contradictory_AreRefused()
    {
        var file = await _fs.CreateAsync("/f");

        var codes = new[]
        {
            await CodeAsync<SyncReq, SyncRsp>(
                MetaMethod.Sync,
                new() { Inode = file.Id, Truncated = true }
            ),
            await CodeAsync<CloseReq, CloseRsp>(
                MetaMethod.Close,
                new() { Inode = file.Id, UpdateLength = true }
            ),
            await CodeAsync<CloseReq, CloseRsp>(
                MetaMethod.Close,
                new() { Inode = file.Id, Mtime = -1 }
            ),
        };

        codes.Should().AllBeEquivalentTo(StatusCode.InvalidArg);
    }

    [Fact]
    public async Task SyncAndClose_WhatIsNoFile_AreRefused()
    {
        var directory = await _fs.MakeDirectoryAsync("/d");

        (
            await CodeAsync<SyncReq, SyncRsp>(
                MetaMethod.Sync,
                new() { Inode = directory.Id, UpdateLength = true }
            )
        )
            .Should()
            .Be(StatusCode.MetaNotFile);
        (await CodeAsync<SyncReq, SyncRsp>(MetaMethod.Sync, new() { Inode = 0xABCDEF }))
            .Should()
            .Be(StatusCode.MetaNotFound);
        (
            await CodeAsync<CloseReq, CloseRsp>(
                MetaMethod.Close,
                new() { Inode = 0xABCDEF, Session = _fs.NewSession() }
            )
        )
            .Should()
            .Be(StatusCode.MetaNotFound);
    }

    [Theory]
    [InlineData(0x2u)]
    [InlineData(0x80000000u)]
    [InlineData(0x41012u)]
    public async Task SetAttr_OtherInodeFlags_AreRefused(uint flags)
    {
        await _fs.CreateAsync("/f");

        (
            await CodeAsync<SetAttrReq, SetAttrRsp>(
                MetaMethod.SetAttr,
                new() { Path = MetaFixture.At("/f"), Iflags = (InodeFlags)flags }
            )
        )
            .Should()
            .Be(StatusCode.InvalidArg);
    }

    [Fact]
    public async Task Layout_NotValid_IsRefusedEverywhere()
    {
        await _fs.MakeDirectoryAsync("/d");
        string[] all =
        [
            "chunk 0",
            "chunk 3",
            "stripe 0",
            "table 0",
            "version 0",
            "base 0",
            "list short",
            "list zero",
            "list half",
            "unknown table",
        ];
        foreach (var what in all)
        {
            await LayoutRefusedAsync(what);
        }
    }

    private async Task LayoutRefusedAsync(string what)
    {
        var layout = BadLayout(what);

        var codes = new[]
        {
            await CodeAsync<CreateReq, CreateRsp>(
                MetaMethod.Create,
                new() { Path = MetaFixture.At("/f"), Layout = layout }
            ),
            await CodeAsync<MkdirsReq, MkdirsRsp>(
                MetaMethod.Mkdirs,
                new() { Path = MetaFixture.At("/e"), Layout = layout }
            ),
            await CodeAsync<SetAttrReq, SetAttrRsp>(
                MetaMethod.SetAttr,
                new() { Path = MetaFixture.At("/d"), Layout = layout }
            ),
        };

        codes.Should().AllBeEquivalentTo(StatusCode.MetaInvalidFileLayout, what);
        (await _fs.ListAsync("/")).Should().Equal("d");
    }

    private static Layout BadLayout(string what)
    {
        var range = new LayoutChainRange { BaseIndex = 1, Shuffle = LayoutShuffle.StdMt19937 };
        var good = new Layout
        {
            TableId = 1,
            TableVersion = 1,
            ChunkSize = 65536,
            StripeSize = 2,
            Chains = range,
        };
        switch (what)
        {
            case "chunk 0":
                good.ChunkSize = 0;
                break;
            case "chunk 3":
                good.ChunkSize = 3 * 65536;
                break;
            case "stripe 0":
                good.StripeSize = 0;
                break;
            case "table 0":
                good.TableId = 0;
                break;
            case "version 0":
                good.TableVersion = 0;
                break;
            case "base 0":
                range.BaseIndex = 0;
                break;
            case "list short":
                good.Chains = new LayoutChainList { ChainIndexes = [1] };
                break;
            case "list zero":
                good.Chains = new LayoutChainList { ChainIndexes = [1, 0] };
                break;
            case "list half":
                good.TableId = 0;
                good.Chains = new LayoutChainList { ChainIndexes = [1, 2] };
                break;
            default:
                good.TableId = 77;
                break;
        }
        return good;
    }

    private async Task<StatusCode> CodeAsync<TReq, TRsp>(ushort method, TReq request)
        where TReq : MetaRequest, ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new() =>
        (await _fs.Client.MetaAsync<TReq, TRsp>(method, request)).Status.Code;
}
