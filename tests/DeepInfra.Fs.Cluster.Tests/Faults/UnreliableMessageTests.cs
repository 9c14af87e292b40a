// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Tests.Client;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Faults;

/// <summary>Messages of which some get lost or come late by chance: every update happens once, every read is explained.</summary>
public sealed class UnreliableMessageTests
{
    private const int ChunkSize = 64 * 1024;

    [Theory]
    [InlineData(1, 0.12, 0)]
    [InlineData(2, 0, 0.12)]
    [InlineData(3, 0.08, 0.08)]
    public Task StorageUnreliable_Updates_AreAppliedExactlyOnce(
        int seed,
        double toNode,
        double fromNode
    ) => UpdatesAsync(seed, toNode, fromNode, 60);

    [Fact]
    [Trait("Category", "Slow")]
    public async Task StorageUnreliable_ManySeeds_UpdatesAreAppliedExactlyOnce()
    {
        for (var seed = 100; seed < 120; seed++)
        {
            await UpdatesAsync(seed, seed % 3 * 0.08, (2 - (seed % 3)) * 0.08, 150);
        }
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, true)]
    public Task StorageUnreliable_ManyClients_OneChunkIsLinearizable(int seed, bool restarts) =>
        RegisterAsync(seed, restarts, 40);

    [Fact]
    [Trait("Category", "Slow")]
    public async Task StorageUnreliable_ManySeedsAndRestarts_OneChunkIsLinearizable()
    {
        for (var seed = 100; seed < 120; seed++)
        {
            await RegisterAsync(seed, seed % 2 == 0, 120);
        }
    }

    private static ValueTask<ThreeFsFile> CreateAsync(ClientFixture fs) =>
        fs.Client.OpenAsync("/f", FileMode.CreateNew, FileAccess.ReadWrite);

    private static async Task UpdatesAsync(int seed, double toNode, double fromNode, int count)
    {
        await using var fs = await FaultFixture.StartAsync();
        await using var file = await CreateAsync(fs);
        var random = new Random(seed);
        var model = new byte[4 * ChunkSize];
        var updates = new uint[4];
        fs.Faults().OnMessage = FaultFixture.Unreliable(seed, ServiceId.Storage, toNode, fromNode);

        // Each chunk has one writer at a time, all chunks are written at the same time.
        var work = Enumerable
            .Range(0, 4)
            .Select(chunk => (chunk, new Random(random.Next())))
            .Select(async w =>
            {
                for (var i = 0; i < count / 4; i++)
                {
                    var offset = w.Item2.Next(ChunkSize - 1);
                    var data = new byte[w.Item2.Next(1, Math.Min(9000, ChunkSize - offset) + 1)];
                    w.Item2.NextBytes(data);
                    var position = (w.chunk * ChunkSize) + offset;
                    await file.WriteAsync(data, position);
                    data.CopyTo(model, position);
                    updates[w.chunk]++;
                    if (w.Item2.Next(3) == 0)
                    {
                        var read = new byte[data.Length];
                        await file.ReadAsync(read, position);
                        read.AsSpan().SequenceEqual(data).Should().BeTrue($"seed {seed}");
                    }
                }
            });
        await Task.WhenAll(work);
        fs.Faults().OnMessage = null;

        var found = new byte[await file.GetLengthAsync()];
        await file.ReadAsync(found, 0);
        found.AsSpan().SequenceEqual(model.AsSpan(0, found.Length)).Should().BeTrue($"seed {seed}");
        for (var chunk = 0u; chunk < 4; chunk++)
        {
            (await fs.VersionAsync(file.InodeId, chunk))
                .Should()
                .Be(updates[chunk], $"seed {seed}, chunk {chunk}: every version is one update");
        }
        (await fs.Cluster.VerifyChunksAsync()).Damaged.Should().BeEmpty();
    }

    private static async Task RegisterAsync(int seed, bool restarts, int operations)
    {
        await using var fs = await FaultFixture.StartAsync();
        await using (var file = await CreateAsync(fs))
        {
            await file.WriteAsync(new byte[16], 0);
        }
        var history = new RegisterHistory(Guid.Empty);
        fs.Faults().OnMessage = FaultFixture.Unreliable(seed, ServiceId.Storage, 0.05, 0.05);
        var running = true;

        var clients = Enumerable
            .Range(0, 4)
            .Select(number => Task.Run(() => UseAsync(number)))
            .ToArray();
        var restarting = restarts ? Task.Run(RestartAsync) : Task.CompletedTask;
        await Task.WhenAll(clients);
        Volatile.Write(ref running, false);
        await restarting;

        history.Count.Should().Be(4 * operations);
        history.FindViolation().Should().BeNull($"seed {seed}");

        async Task UseAsync(int number)
        {
            await using var client = await fs.Cluster.ConnectAsync(FaultFixture.Eager);
            await using var file = await client.OpenAsync(
                "/f",
                FileMode.Open,
                FileAccess.ReadWrite
            );
            var random = new Random((seed * 10) + number);
            var buffer = new byte[16];
            for (var i = 0; i < operations; i++)
            {
                var begin = history.Begin();
                if (random.Next(2) == 0)
                {
                    var value = Guid.NewGuid();
                    await file.WriteAsync(value.ToByteArray(), 0);
                    history.Wrote(value, begin);
                }
                else
                {
                    (await file.ReadAsync(buffer, 0)).Should().Be(16);
                    history.Read(new Guid(buffer), begin);
                }
            }
        }

        async Task RestartAsync()
        {
            while (Volatile.Read(ref running))
            {
                for (var node = 0; node < 2; node++)
                {
                    await fs.Cluster.StopNodeAsync(node);
                    await fs.Cluster.StartNodeAsync(node);
                }
                await Task.Delay(100);
            }
        }
    }
}
