// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Metadata;

/// <summary>Sessions of files open for writing, and what becomes of them when their client vanishes.</summary>
public sealed class SessionTests
{
    [Fact]
    public async Task UnlinkedFile_ClientVanished_IsCollectedAfterTheTimeout()
    {
        await using var fs = await StartAsync(TimeSpan.FromMilliseconds(300));
        await WriteAndUnlinkAsync(fs, fs.Client);

        await UntilChunksAsync(fs, 0);
    }

    [Fact]
    public async Task UnlinkedFile_ClientKnown_KeepsItsChunksUntilItCloses()
    {
        await using var fs = await StartAsync(TimeSpan.FromMilliseconds(100));
        await ExtendAsync(fs.Client);
        var (inode, session) = await WriteAndUnlinkAsync(fs, fs.Client);
        // A file of a client that nobody knows goes; when it is gone, the scan has passed the other one.
        await using var stranger = await RawClient.ConnectAsync(fs.Cluster);
        await WriteAndUnlinkAsync(fs, stranger);

        await UntilChunksAsync(fs, 1);
        var closed = await fs.Client.MetaAsync<CloseReq, CloseRsp>(
            MetaMethod.Close,
            new CloseReq { Inode = inode, Session = session }
        );

        closed.HasValue.Should().BeTrue();
        await UntilChunksAsync(fs, 0);
    }

    [Fact]
    public async Task PruneSession_OfAnotherClient_ChangesNothing()
    {
        await using var fs = await StartAsync(TimeSpan.FromMinutes(5));
        var (_, session) = await WriteAndUnlinkAsync(fs, fs.Client);
        await using var other = await RawClient.ConnectAsync(fs.Cluster);

        await PruneAsync(other, other.Id, session);
        await Task.Delay(200);
        var kept = (await fs.Cluster.VerifyChunksAsync()).Chunks;
        await PruneAsync(fs.Client, fs.Client.Id, session);

        kept.Should().Be(1);
        await UntilChunksAsync(fs, 0);
    }

    private static Task<MetaFixture> StartAsync(TimeSpan timeout) =>
        MetaFixture.StartAsync(o =>
            o with
            {
                SessionTimeout = timeout,
                SessionScanInterval = TimeSpan.FromMilliseconds(50),
            }
        );

    private static async Task<(ulong Inode, SessionInfo Session)> WriteAndUnlinkAsync(
        MetaFixture fs,
        RawClient client
    )
    {
        var session = new SessionInfo { Client = client.Id, Session = Guid.NewGuid() };
        var name = $"/{session.Session}";
        var made = await fs.TryCreateAsync(
            name,
            OpenFlags.Create | OpenFlags.ReadWrite,
            by: client,
            session: session
        );
        var file = MetaFixture.Value(made).Stat;
        // Any chain of its layout will do: the collector asks them all.
        var chain = client.Routing.Chains.Keys.Min();
        var written = await client.WriteAsync(chain, new ChunkId(file.Id, 0, 0), 0, new byte[10]);
        written.LengthInfo.HasValue.Should().BeTrue();
        (await fs.RemoveAsync(name, by: client)).Should().Be(StatusCode.Ok);
        return (file.Id, session);
    }

    private static async Task ExtendAsync(RawClient client)
    {
        var extended = await client.MgmtdAsync<ExtendClientSessionReq, ExtendClientSessionRsp>(
            MgmtdMethod.ExtendClientSession,
            new ExtendClientSessionReq
            {
                ClusterId = "embedded",
                ClientId = client.Id.Uuid.ToString("D"),
                ClientSessionVersion = 1,
                Data = new ClientSessionData { UniversalId = "u", Description = "d" },
                Type = NodeType.Client,
                ClientStart = 1,
            }
        );
        extended.Status.Should().Be(Status.Ok);
    }

    private static async Task PruneAsync(RawClient by, ClientId client, SessionInfo session)
    {
        var pruned = await by.MetaAsync<PruneSessionReq, PruneSessionRsp>(
            MetaMethod.PruneSession,
            new PruneSessionReq { SessionClient = client, Sessions = [session.Session] }
        );
        pruned.HasValue.Should().BeTrue();
    }

    private static async Task UntilChunksAsync(MetaFixture fs, long count)
    {
        for (var i = 0; (await fs.Cluster.VerifyChunksAsync()).Chunks != count; i++)
        {
            i.Should().BeLessThan(2400);
            await Task.Delay(25);
        }
    }
}
