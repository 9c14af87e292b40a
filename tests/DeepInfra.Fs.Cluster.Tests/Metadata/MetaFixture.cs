// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Metadata;

/// <summary>A cluster with one raw client and short ways to call the metadata service.</summary>
internal sealed class MetaFixture : IAsyncDisposable
{
    private readonly TempDirectory _temp = new();

    private MetaFixture() { }

    public ThreeFsCluster Cluster { get; private set; } = null!;

    public RawClient Client { get; private set; } = null!;

    public static async Task<MetaFixture> StartAsync(
        Func<ThreeFsClusterOptions, ThreeFsClusterOptions>? configure = null
    )
    {
        var fixture = new MetaFixture();
        var options = TestCluster.Options(fixture._temp["data"]);
        fixture.Cluster = await ThreeFsCluster.StartAsync(configure?.Invoke(options) ?? options);
        fixture.Client = await RawClient.ConnectAsync(fixture.Cluster);
        return fixture;
    }

    public Task<RawClient> ClientAsync(uint uid, uint gid, params uint[] groups) =>
        RawClient.ConnectAsync(
            Cluster,
            new UserInfo
            {
                Uid = uid,
                Gid = gid,
                Groups = [.. groups],
            }
        );

    public async Task<Inode> MakeDirectoryAsync(
        string path,
        uint perm = 0x1ED,
        RawClient? by = null
    ) =>
        Value(
            await (by ?? Client).MetaAsync<MkdirsReq, MkdirsRsp>(
                MetaMethod.Mkdirs,
                new MkdirsReq
                {
                    Path = At(path),
                    Perm = perm,
                    Recursive = true,
                }
            )
        ).Stat;

    public async Task<Result<CreateRsp>> TryCreateAsync(
        string path,
        OpenFlags flags = OpenFlags.Create | OpenFlags.Exclusive,
        uint perm = 0x1A4,
        RawClient? by = null,
        SessionInfo? session = null
    ) =>
        await (by ?? Client).MetaAsync<CreateReq, CreateRsp>(
            MetaMethod.Create,
            new CreateReq
            {
                Path = At(path),
                Flags = flags,
                Perm = perm,
                Session = session,
                RemoveChunksBatchSize = 32,
            }
        );

    public async Task<Inode> CreateAsync(string path, uint perm = 0x1A4, RawClient? by = null) =>
        Value(await TryCreateAsync(path, perm: perm, by: by)).Stat;

    public async Task<Result<StatRsp>> TryStatAsync(
        string path,
        AtFlags flags = AtFlags.None,
        RawClient? by = null
    ) =>
        await (by ?? Client).MetaAsync<StatReq, StatRsp>(
            MetaMethod.Stat,
            new StatReq { Path = At(path), Flags = flags }
        );

    public async Task<Inode> StatAsync(string path, AtFlags flags = AtFlags.None) =>
        Value(await TryStatAsync(path, flags)).Stat;

    public async Task<StatusCode> RemoveAsync(
        string path,
        AtFlags flags = AtFlags.None,
        bool recursive = false,
        bool checkType = true,
        RawClient? by = null,
        Guid request = default
    ) => (
            await (by ?? Client).MetaAsync<RemoveReq, RemoveRsp>(
                MetaMethod.Remove,
                new RemoveReq
                {
                    Path = At(path),
                    AtFlags = flags,
                    Recursive = recursive,
                    CheckType = checkType,
                    Uuid = request,
                }
            )
        ).Status.Code;

    public async Task<StatusCode> RenameAsync(string from, string to, RawClient? by = null) =>
        (
            await (by ?? Client).MetaAsync<RenameReq, RenameRsp>(
                MetaMethod.Rename,
                new RenameReq { Src = At(from), Dest = At(to) }
            )
        )
            .Status
            .Code;

    public async Task<StatusCode> SymlinkAsync(string path, string target, RawClient? by = null) =>
        (
            await (by ?? Client).MetaAsync<SymlinkReq, SymlinkRsp>(
                MetaMethod.Symlink,
                new SymlinkReq { Path = At(path), Target = target }
            )
        )
            .Status
            .Code;

    public async Task<List<string>> ListAsync(string path)
    {
        var names = new List<string>();
        while (true)
        {
            var page = Value(
                await Client.MetaAsync<ListReq, ListRsp>(
                    MetaMethod.List,
                    new ListReq { Path = At(path), Prev = names.Count == 0 ? "" : names[^1] }
                )
            );
            names.AddRange(page.Entries.Select(e => e.Name));
            if (!page.More)
            {
                return names;
            }
        }
    }

    public SessionInfo NewSession() => new() { Client = Client.Id, Session = Guid.NewGuid() };

    public static PathAt At(string path) => new() { Path = path };

    public static T Value<T>(Result<T> result)
    {
        result.Status.Should().Be(Status.Ok);
        return result.Value;
    }

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await Cluster.DisposeAsync();
        _temp.Dispose();
    }
}
