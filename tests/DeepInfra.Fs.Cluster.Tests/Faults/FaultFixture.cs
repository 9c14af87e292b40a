// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Faults;
using DeepInfra.Fs.Cluster.Tests.Client;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Faults;

/// <summary>A cluster whose faults a test switches on and off, with a client that repeats soon.</summary>
internal static class FaultFixture
{
    public static Task<ClientFixture> StartAsync(
        Func<ThreeFsClientOptions, ThreeFsClientOptions>? client = null
    ) => ClientFixture.StartAsync(o => client?.Invoke(Eager(o)) ?? Eager(o));

    /// <summary>Settings of a client that waits briefly for an answer and long for success.</summary>
    public static ThreeFsClientOptions Eager(ThreeFsClientOptions options) =>
        options with
        {
            StorageTimeout = TimeSpan.FromMilliseconds(100),
            MaximumStorageTimeout = TimeSpan.FromMilliseconds(400),
            MetadataTimeout = TimeSpan.FromMilliseconds(200),
            MetadataRetryDelay = TimeSpan.FromMilliseconds(20),
            OperationTimeout = TimeSpan.FromMinutes(2),
        };

    /// <summary>
    /// Settings of a client that waits a minute or more for whatever must succeed; while its clock hurries it repeats soon and
    /// gives up after a second.
    /// </summary>
    public static ThreeFsClientOptions Hurried(ThreeFsClientOptions options, HurryingClock clock) =>
        options with
        {
            ConnectTimeout = TimeSpan.FromSeconds(60),
            ManagerTimeout = TimeSpan.FromSeconds(60),
            StorageTimeout = TimeSpan.FromSeconds(12),
            MaximumStorageTimeout = TimeSpan.FromSeconds(24),
            MetadataTimeout = TimeSpan.FromSeconds(12),
            MetadataRetryDelay = TimeSpan.FromSeconds(1),
            OperationTimeout = TimeSpan.FromSeconds(60),
            TimeProvider = clock,
        };

    /// <summary>The operation fails; the client's time flies meanwhile.</summary>
    public static async Task<T> FailsSoonAsync<T>(this HurryingClock clock, Func<Task> operation)
        where T : Exception
    {
        clock.IsHurrying = true;
        try
        {
            return (await operation.Should().ThrowAsync<T>()).Which;
        }
        finally
        {
            clock.IsHurrying = false;
        }
    }

    public static ClusterFaults Faults(this ClientFixture fixture) =>
        fixture.Cluster.Options.Faults;

    /// <summary>
    /// Messages of one service get lost, take their connection along or come late, by chance: the same seed draws
    /// the same numbers, in the order in which messages come.
    /// </summary>
    /// <param name="seed">Of the generator.</param>
    /// <param name="service">The service; other messages pass.</param>
    /// <param name="toNode">Chance of each harm for requests.</param>
    /// <param name="fromNode">Chance of each harm for answers.</param>
    public static Func<Message, MessageFate> Unreliable(
        int seed,
        ushort service,
        double toNode,
        double fromNode
    )
    {
        var random = new Random(seed);
        return message =>
        {
            if (message.Service != service)
            {
                return default;
            }
            double draw;
            int delay;
            lock (random)
            {
                draw = random.NextDouble();
                delay = random.Next(1, 250);
            }
            var chance = message.ToNode ? toNode : fromNode;
            return draw < chance ? new MessageFate(RpcFaultAction.Drop, default)
                : draw < 2 * chance ? new MessageFate(default, TimeSpan.FromMilliseconds(delay))
                : draw < 2.5 * chance ? new MessageFate(RpcFaultAction.CloseConnection, default)
                : default;
        };
    }

    /// <summary>All messages of a service in one direction get lost.</summary>
    public static Func<Message, MessageFate> DropAll(ushort service, bool toNode) =>
        message =>
            message.Service == service && message.ToNode == toNode
                ? new MessageFate(RpcFaultAction.Drop, default)
                : default;

    /// <summary>Number of updates that a chunk of a file has seen; 0 when there is no such chunk.</summary>
    public static async Task<uint> VersionAsync(this ClientFixture fixture, ulong inode, uint chunk)
    {
        await using var raw = await RawClient.ConnectAsync(fixture.Cluster);
        foreach (var chain in raw.Routing.Chains.Keys)
        {
            var (result, _) = await raw.ReadAsync(chain, new ChunkId(inode, 0, chunk), 0, 1);
            if (result.LengthInfo.HasValue)
            {
                return result.CommitVer;
            }
        }
        return 0;
    }

    /// <summary>The storage error inside of what the client threw.</summary>
    public static StatusCode CodeOf(Exception? e) =>
        e is ThreeFsException fs ? fs.StatusCode
        : e?.InnerException is { } inner ? CodeOf(inner)
        : StatusCode.Unknown;
}
