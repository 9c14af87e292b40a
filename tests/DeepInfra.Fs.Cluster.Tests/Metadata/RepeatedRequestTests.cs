// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Metadata;

/// <summary>Requests that are sent again because their answer was lost, also after the cluster was restarted.</summary>
public sealed class RepeatedRequestTests : IAsyncLifetime
{
    private MetaFixture _fs = null!;

    public async ValueTask InitializeAsync() => _fs = await MetaFixture.StartAsync();

    public ValueTask DisposeAsync() => _fs.DisposeAsync();

    [Theory]
    [InlineData("mkdir")]
    [InlineData("mkdir -p")]
    [InlineData("symlink")]
    [InlineData("link")]
    [InlineData("rename")]
    [InlineData("trash")]
    [InlineData("remove")]
    [InlineData("rm -r")]
    public async Task Repeated_Request_SucceedsAgainAndChangesNothing(string what)
    {
        await _fs.CreateAsync("/f");
        await _fs.MakeDirectoryAsync("/d/e");
        var id = Guid.NewGuid();

        var first = await SendAsync(what, id);
        var between = await TreeAsync();
        var again = await SendAsync(what, id);
        var other = await SendAsync(what, Guid.NewGuid());

        first.Should().Be(StatusCode.Ok);
        again.Should().Be(StatusCode.Ok);
        other.Should().BeOneOf(StatusCode.MetaExists, StatusCode.MetaNotFound);
        (await TreeAsync()).Should().Equal(between);
    }

    [Fact]
    public async Task Rename_BackAndRepeated_IsNotTakenForDone()
    {
        await _fs.CreateAsync("/f");
        var id = Guid.NewGuid();

        await SendAsync("rename", id);
        (await _fs.RenameAsync("/n", "/f")).Should().Be(StatusCode.Ok);
        var again = await SendAsync("rename", id);

        // Somebody undid it in between: it is done once more, as a late first attempt would be.
        again.Should().Be(StatusCode.Ok);
        (await TreeAsync()).Should().Equal("/n");
    }

    [Fact]
    public async Task Trash_ExistingFile_IsNotReplaced()
    {
        await _fs.CreateAsync("/f");
        await _fs.CreateAsync("/n");

        (await SendAsync("trash", Guid.NewGuid())).Should().Be(StatusCode.MetaExists);
        (await TreeAsync()).Should().Equal("/f", "/n");
    }

    [Fact]
    public async Task Trash_ForeignTree_NeedsWhatItsRemovalNeeds()
    {
        await using var owner = await _fs.ClientAsync(10, 20);
        await using var other = await _fs.ClientAsync(11, 20);
        await _fs.MakeDirectoryAsync("/f", 0x1FF, owner);
        await _fs.CreateAsync("/f/x", by: owner);

        var byOther = await SendAsync("trash", Guid.NewGuid(), other);
        var byOwner = await SendAsync("trash", Guid.NewGuid(), owner);

        (byOther, byOwner).Should().Be((StatusCode.MetaNoPermission, StatusCode.Ok));
        (await TreeAsync()).Should().Equal("/n", "/n/x");
    }

    [Fact]
    public async Task Expectation_OtherInode_IsNotFound()
    {
        var file = await _fs.CreateAsync("/f");

        var remove = await _fs.Client.MetaAsync<RemoveReq, RemoveRsp>(
            MetaMethod.Remove,
            new RemoveReq { Path = MetaFixture.At("/f"), InodeId = file.Id + 1 }
        );
        var rename = await _fs.Client.MetaAsync<RenameReq, RenameRsp>(
            MetaMethod.Rename,
            new RenameReq
            {
                Src = MetaFixture.At("/f"),
                Dest = MetaFixture.At("/n"),
                InodeId = file.Id + 1,
            }
        );
        var right = await _fs.Client.MetaAsync<RemoveReq, RemoveRsp>(
            MetaMethod.Remove,
            new RemoveReq { Path = MetaFixture.At("/f"), InodeId = file.Id }
        );

        remove.Status.Code.Should().Be(StatusCode.MetaNotFound);
        rename.Status.Code.Should().Be(StatusCode.MetaNotFound);
        right.HasValue.Should().BeTrue();
    }

    [Fact]
    public async Task Remove_ByInode_TakesDirectoriesOnly()
    {
        var directory = await _fs.MakeDirectoryAsync("/d");
        var file = await _fs.CreateAsync("/f");

        (await RemoveAsync(file.Id)).Should().Be(StatusCode.InvalidArg);
        (await RemoveAsync(0)).Should().Be(StatusCode.InvalidArg);
        (await RemoveAsync(directory.Id)).Should().Be(StatusCode.Ok);
        (await RemoveAsync(directory.Id)).Should().Be(StatusCode.MetaNotFound);
        (await TreeAsync()).Should().Equal("/f");
    }

    private async Task<StatusCode> RemoveAsync(ulong inode) => (
            await _fs.Client.MetaAsync<RemoveReq, RemoveRsp>(
                MetaMethod.Remove,
                new RemoveReq
                {
                    Path = new PathAt { Parent = inode },
                    InodeId = inode,
                    AtFlags = AtFlags.RemoveDirectory,
                }
            )
        ).Status.Code;

    private async Task<StatusCode> SendAsync(string what, Guid id, RawClient? by = null)
    {
        var client = by ?? _fs.Client;
        return what switch
        {
            "mkdir" or "mkdir -p" => (
                await client.MetaAsync<MkdirsReq, MkdirsRsp>(
                    MetaMethod.Mkdirs,
                    new MkdirsReq
                    {
                        Path = MetaFixture.At(what == "mkdir" ? "/n" : "/n/m/o"),
                        Perm = 0x1ED,
                        Recursive = what != "mkdir",
                        Uuid = id,
                    }
                )
            ).Status.Code,
            "symlink" => (
                await client.MetaAsync<SymlinkReq, SymlinkRsp>(
                    MetaMethod.Symlink,
                    new SymlinkReq
                    {
                        Path = MetaFixture.At("/n"),
                        Target = "f",
                        Uuid = id,
                    }
                )
            ).Status.Code,
            "link" => (
                await client.MetaAsync<HardLinkReq, HardLinkRsp>(
                    MetaMethod.HardLink,
                    new HardLinkReq
                    {
                        OldPath = MetaFixture.At("/f"),
                        NewPath = MetaFixture.At("/n"),
                        Uuid = id,
                    }
                )
            ).Status.Code,
            "rename" or "trash" => (
                await client.MetaAsync<RenameReq, RenameRsp>(
                    MetaMethod.Rename,
                    new RenameReq
                    {
                        Src = MetaFixture.At("/f"),
                        Dest = MetaFixture.At("/n"),
                        MoveToTrash = what == "trash",
                        Uuid = id,
                    }
                )
            ).Status.Code,
            "remove" => await _fs.RemoveAsync("/f", request: id),
            _ => await _fs.RemoveAsync("/d", recursive: true, request: id),
        };
    }

    /// <summary>All paths with link counts of what has several names.</summary>
    private async Task<List<string>> TreeAsync(string directory = "")
    {
        var paths = new List<string>();
        foreach (var name in await _fs.ListAsync(directory + "/"))
        {
            var path = $"{directory}/{name}";
            var inode = await _fs.StatAsync(path);
            paths.Add(inode.Nlink > 1 ? $"{path} ({inode.Nlink})" : path);
            if (inode.Type is DirectoryInode)
            {
                paths.AddRange(await TreeAsync(path));
            }
        }
        return paths;
    }
}
