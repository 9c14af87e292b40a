// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Tests.Fakes;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Metadata;

/// <summary>What the client does on its own: pruning, closing again, probing, renewing.</summary>
public sealed class MetaBackgroundTests
{
    private static readonly TimeSpan s_step = TimeSpan.FromMilliseconds(500);

    [Fact]
    public async Task LostSession_LaterInterval_IsPruned()
    {
        var clock = new ManualClock();
        await using var cluster = new FakeCluster();
        await using var client = await ConnectAsync(cluster, clock);
        cluster.Meta.OnCall = (m, _) =>
            m == MetaMethod.Create ? new Status(StatusCode.TransactionMaybeCommitted) : null;
        var open = client.OpenAsync("f", FileMode.Create, FileAccess.Write).AsTask();
        await clock.AdvanceUntilAsync(() => open.IsFaulted, s_step);

        await clock.AdvanceUntilAsync(() => Count(cluster, MetaMethod.PruneSession) > 0, s_step);

        var create = (CreateReq)First(cluster, MetaMethod.Create);
        var prune = (PruneSessionReq)First(cluster, MetaMethod.PruneSession);
        prune.Sessions.Should().Equal(create.Session!.Value.Session);
        prune.SessionClient.Uuid.Should().Be(create.Client.Uuid);
        client.Meta.LostSessionCount.Should().Be(0);
    }

    [Fact]
    public async Task LostSession_PruningFails_IsTriedAgain()
    {
        var clock = new ManualClock();
        await using var cluster = new FakeCluster();
        await using var client = await ConnectAsync(cluster, clock);
        var broken = true;
        cluster.Meta.OnCall = (m, _) =>
            m == MetaMethod.Sync ? new Status(StatusCode.MetaNoPermission)
            : m == MetaMethod.PruneSession && Volatile.Read(ref broken)
                ? new Status(StatusCode.TransactionConflict)
            : null;
        var open = client.OpenAsync("f", FileMode.Append, FileAccess.Write).AsTask();
        await clock.AdvanceUntilAsync(() => open.IsFaulted, s_step);
        await clock.AdvanceUntilAsync(
            () => Count(cluster, MetaMethod.PruneSession) > 0 && client.Meta.LostSessionCount == 1,
            s_step
        );

        Volatile.Write(ref broken, false);
        var failed = Count(cluster, MetaMethod.PruneSession);
        await clock.AdvanceUntilAsync(
            () => Count(cluster, MetaMethod.PruneSession) > failed,
            s_step
        );

        var create = (CreateReq)First(cluster, MetaMethod.Create);
        var prune = (PruneSessionReq)First(cluster, MetaMethod.PruneSession);
        prune.Sessions.Should().Equal(create.Session!.Value.Session);
        await clock.AdvanceUntilAsync(() => client.Meta.LostSessionCount == 0, s_step);
    }

    [Fact]
    public async Task FailedClose_GoesOnInTheBackground()
    {
        var clock = new ManualClock();
        await using var cluster = new FakeCluster();
        await using var client = await ConnectAsync(cluster, clock);
        var file = await client.OpenAsync("f", FileMode.Create, FileAccess.Write);
        var broken = true;
        cluster.Meta.OnCall = (m, _) =>
            m == MetaMethod.Close && Volatile.Read(ref broken)
                ? new Status(StatusCode.TransactionConflict)
                : null;
        var close = file.DisposeAsync().AsTask();
        await clock.AdvanceUntilAsync(() => close.IsFaulted, s_step);
        var before = Count(cluster, MetaMethod.Close);

        await clock.AdvanceUntilAsync(() => Count(cluster, MetaMethod.Close) > before + 1, s_step);
        Volatile.Write(ref broken, false);
        var failed = Count(cluster, MetaMethod.Close);
        await clock.AdvanceUntilAsync(() => Count(cluster, MetaMethod.Close) > failed, s_step);
        var done = Count(cluster, MetaMethod.Close);
        for (var i = 0; i < 50; i++)
        {
            clock.Advance(TimeSpan.FromSeconds(5));
            await Task.Delay(1);
        }

        Count(cluster, MetaMethod.Close).Should().Be(done);
        close.Exception!.InnerException.Should().BeOfType<ThreeFsException>();
    }

    [Fact]
    public async Task FaultyServer_AnswersProbe_IsUsedAgain()
    {
        var clock = new ManualClock();
        await using var cluster = new FakeCluster();
        await using var client = await ConnectAsync(cluster, clock, TimeSpan.FromHours(1));
        var broken = true;
        cluster.Meta.OnCall = (_, _) =>
            Volatile.Read(ref broken) ? new Status(StatusCode.TransactionNetworkError) : null;
        var call = client.GetInfoAsync("/").AsTask();
        await clock.AdvanceUntilAsync(() => client.Meta.FaultyServerCount == 1, TimeSpan.Zero);
        await clock.AdvanceUntilAsync(() => Count(cluster, MetaMethod.TestRpc) > 1, s_step);

        Volatile.Write(ref broken, false);
        await clock.AdvanceUntilAsync(
            () => client.Meta.FaultyServerCount == 0 && call.IsCompleted,
            s_step
        );

        (await call).Kind.Should().Be(FileSystemEntryKind.Directory);
    }

    [Fact]
    public async Task ManagerInterval_Passes_RenewsSessionAndRouting()
    {
        var clock = new ManualClock();
        await using var cluster = new FakeCluster();
        await using var client = await ConnectAsync(cluster, clock);
        cluster.ChangeRouting(r => r.Chains[900001].ChainVersion = 9);

        await clock.AdvanceUntilAsync(() => cluster.Manager.SessionVersion >= 3, s_step);

        client.Mgmtd.Routing.FindChain(900001)!.ChainVersion.Should().Be(9);
    }

    private static async Task<ThreeFsClient> ConnectAsync(
        FakeCluster cluster,
        ManualClock clock,
        TimeSpan? operationTimeout = null
    ) =>
        await cluster.ConnectAsync(o =>
            o with
            {
                TimeProvider = clock,
                OperationTimeout = operationTimeout ?? o.OperationTimeout,
                ManagerInterval = TimeSpan.FromSeconds(10),
                LengthSyncInterval = TimeSpan.FromHours(100),
                // The manual clock also drives time limits: they must be longer than what a test skips.
                MetadataTimeout = TimeSpan.FromHours(1),
                ManagerTimeout = TimeSpan.FromHours(1),
                ConnectTimeout = TimeSpan.FromHours(1),
            }
        );

    private static int Count(FakeCluster cluster, ushort method)
    {
        lock (cluster.Meta.Lock)
        {
            return cluster.Meta.Calls.Count(c => c.Method == method);
        }
    }

    private static MetaRequest First(FakeCluster cluster, ushort method)
    {
        lock (cluster.Meta.Lock)
        {
            return cluster.Meta.Calls.First(c => c.Method == method).Request;
        }
    }
}
