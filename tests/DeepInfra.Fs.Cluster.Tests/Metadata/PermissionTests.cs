// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Metadata;

public sealed class PermissionTests : IAsyncLifetime
{
    private MetaFixture _fs = null!;

    public async ValueTask InitializeAsync() => _fs = await MetaFixture.StartAsync();

    public ValueTask DisposeAsync() => _fs.DisposeAsync();

    // Owner 10, group 20; mode in octal; who asks; what is allowed (r, w).
    [Theory]
    [InlineData("600", 10u, 1u, "rw")]
    [InlineData("400", 10u, 1u, "r")]
    [InlineData("060", 10u, 20u, "")]
    [InlineData("060", 11u, 20u, "rw")]
    [InlineData("640", 11u, 20u, "r")]
    [InlineData("640", 12u, 99u, "")]
    [InlineData("604", 12u, 99u, "r")]
    [InlineData("002", 12u, 99u, "w")]
    [InlineData("000", 0u, 0u, "rw")]
    public async Task Open_ByUserAndMode_FollowsTheBits(
        string mode,
        uint uid,
        uint gid,
        string allowed
    )
    {
        await using var owner = await _fs.ClientAsync(10, 20);
        await using var user = await _fs.ClientAsync(uid, gid);
        await _fs.CreateAsync("/f", Convert.ToUInt32(mode, 8), owner);

        (await OpenAsync(user, OpenFlags.ReadOnly)).Should().Be(Expected(allowed.Contains('r')));
        (await OpenAsync(user, OpenFlags.WriteOnly)).Should().Be(Expected(allowed.Contains('w')));
        (await OpenAsync(user, OpenFlags.ReadWrite)).Should().Be(Expected(allowed == "rw"));
    }

    [Fact]
    public async Task Directory_WithoutExecute_CannotBePassed()
    {
        await using var owner = await _fs.ClientAsync(10, 20);
        await using var other = await _fs.ClientAsync(11, 21);
        await _fs.MakeDirectoryAsync("/d", 0x1C4, owner);
        await _fs.CreateAsync("/d/f", 0x1A4, owner);

        (await _fs.TryStatAsync("/d/f", by: other))
            .Status.Code.Should()
            .Be(StatusCode.MetaNoPermission);
        (await _fs.TryCreateAsync("/d/g", by: other))
            .Status.Code.Should()
            .Be(StatusCode.MetaNoPermission);
        (await _fs.RemoveAsync("/d/f", by: other)).Should().Be(StatusCode.MetaNoPermission);
    }

    [Fact]
    public async Task StickyDirectory_EntryOfAnother_CannotBeRemovedOrRenamed()
    {
        await using var owner = await _fs.ClientAsync(10, 20);
        await using var other = await _fs.ClientAsync(11, 21);
        await _fs.MakeDirectoryAsync("/tmp", 0x3FF);
        await _fs.CreateAsync("/tmp/f", 0x1B6, owner);

        (await _fs.RemoveAsync("/tmp/f", by: other)).Should().Be(StatusCode.MetaNoPermission);
        (await _fs.RenameAsync("/tmp/f", "/tmp/g", other)).Should().Be(StatusCode.MetaNoPermission);
        (await _fs.RemoveAsync("/tmp/f", by: owner)).Should().Be(StatusCode.Ok);
    }

    [Fact]
    public async Task SetAttr_ByOthersThanTheOwner_IsRefused()
    {
        await using var owner = await _fs.ClientAsync(10, 20, 30);
        await using var other = await _fs.ClientAsync(11, 21);
        await _fs.CreateAsync("/f", 0x1A4, owner);

        (await SetAsync(other, r => r.Perm = 0x1FF)).Should().Be(StatusCode.MetaNoPermission);
        (await SetAsync(owner, r => r.Perm = 0x180)).Should().Be(StatusCode.Ok);
        (await SetAsync(owner, r => r.Uid = 11)).Should().Be(StatusCode.MetaNoPermission);
        (await SetAsync(owner, r => r.Gid = 99)).Should().Be(StatusCode.MetaNoPermission);
        (await SetAsync(owner, r => r.Gid = 30)).Should().Be(StatusCode.Ok);
        (await SetAsync(_fs.Client, r => r.Uid = 11)).Should().Be(StatusCode.Ok);
        (await SetAsync(_fs.Client, r => r.Iflags = (InodeFlags)2))
            .Should()
            .Be(StatusCode.InvalidArg);

        var acl = (await _fs.StatAsync("/f")).Acl;
        (acl.Uid, acl.Gid, acl.Perm).Should().Be((11u, 30u, 0x180u));
    }

    [Fact]
    public async Task ImmutableFile_CannotBeChangedOrRemoved()
    {
        await _fs.CreateAsync("/f");
        await SetAsync(_fs.Client, r => r.Iflags = InodeFlags.Immutable);

        (await OpenAsync(_fs.Client, OpenFlags.WriteOnly)).Should().Be(StatusCode.MetaNoPermission);
        (await OpenAsync(_fs.Client, OpenFlags.ReadOnly)).Should().Be(StatusCode.Ok);
        (await _fs.RemoveAsync("/f")).Should().Be(StatusCode.MetaNoPermission);
        (await _fs.RenameAsync("/f", "/g")).Should().Be(StatusCode.MetaNoPermission);

        await SetAsync(_fs.Client, r => r.Iflags = InodeFlags.None);
        (await _fs.RemoveAsync("/f")).Should().Be(StatusCode.Ok);
    }

    [Fact]
    public async Task RecursiveRemove_ForeignDirectoryInside_IsRefused()
    {
        await using var owner = await _fs.ClientAsync(10, 20);
        await using var other = await _fs.ClientAsync(11, 21);
        await _fs.MakeDirectoryAsync("/top", 0x1FF, owner);
        await _fs.MakeDirectoryAsync("/top/foreign", 0x1FF, other);
        await _fs.CreateAsync("/top/foreign/f", 0x1A4, other);

        var refused = await _fs.RemoveAsync("/top", recursive: true, by: owner);
        var asRoot = await _fs.RemoveAsync("/top", recursive: true);

        refused.Should().Be(StatusCode.MetaNoPermission);
        asRoot.Should().Be(StatusCode.Ok);
    }

    private static StatusCode Expected(bool allowed) =>
        allowed ? StatusCode.Ok : StatusCode.MetaNoPermission;

    private static async Task<StatusCode> OpenAsync(RawClient client, OpenFlags flags) => (
            await client.MetaAsync<OpenReq, OpenRsp>(
                MetaMethod.Open,
                new OpenReq
                {
                    Path = MetaFixture.At("/f"),
                    Flags = flags,
                    Session =
                        flags == OpenFlags.ReadOnly
                            ? null
                            : new SessionInfo { Client = client.Id, Session = Guid.NewGuid() },
                }
            )
        ).Status.Code;

    private static async Task<StatusCode> SetAsync(RawClient client, Action<SetAttrReq> change)
    {
        var request = new SetAttrReq { Path = MetaFixture.At("/f") };
        change(request);
        return (await client.MetaAsync<SetAttrReq, SetAttrRsp>(MetaMethod.SetAttr, request))
            .Status
            .Code;
    }
}
