// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Faults;
using DeepInfra.Fs.Cluster.Tests.Client;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Faults;

/// <summary>Messages that get lost or come late, in one direction or both, under the public client.</summary>
public sealed class MessageLossTests
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

    [Fact]
    public async Task AnswersNeverArrive_Write_FailsNamingChunkAndTargetAndHappensOnce()
    {
        await using var fs = await FaultFixture.StartAsync(FaultFixture.Impatient);
        await using var file = await CreateAsync(fs);

        fs.Faults().OnMessage = FaultFixture.DropAll(ServiceId.Storage, toNode: false);
        var write = async () => await file.WriteAsync(new byte[100], 0);
        var error = await write.Should().ThrowAsync<TimeoutException>();
        fs.Faults().OnMessage = null;

        FaultFixture.CodeOf(error.Which).Should().Be(StatusCode.StorageClientTimeout);
        error
            .Which.Message.Should()
            .Contain($"{new ChunkId(file.InodeId, 0, 0)}")
            .And.MatchRegex("target [0-9]{7}")
            .And.MatchRegex("chain 9[0-9]{5}");
        (await fs.VersionAsync(file.InodeId, 0))
            .Should()
            .Be(1, "it was sent several times and every time found as done");
        await file.WriteAsync(ClientFixture.Bytes(1, 100), 0);
        (await fs.VersionAsync(file.InodeId, 0)).Should().Be(2);
    }

    [Fact]
    public async Task RequestsNeverArrive_ReadAndWrite_FailAndNothingHappens()
    {
        await using var fs = await FaultFixture.StartAsync(FaultFixture.Impatient);
        await using var file = await CreateAsync(fs);
        await file.WriteAsync(ClientFixture.Bytes(1, 100), 0);

        fs.Faults().OnMessage = FaultFixture.DropAll(ServiceId.Storage, toNode: true);
        var write = async () => await file.WriteAsync(new byte[100], 0);
        var read = async () => await file.ReadAsync(new byte[100], 0);
        await write.Should().ThrowAsync<TimeoutException>();
        var error = await read.Should().ThrowAsync<TimeoutException>();
        fs.Faults().OnMessage = null;

        error
            .Which.Message.Should()
            .Contain($"{new ChunkId(file.InodeId, 0, 0)}")
            .And.MatchRegex("target [0-9]{7}");
        var found = new byte[100];
        await file.ReadAsync(found, 0);
        found.Should().Equal(ClientFixture.Bytes(1, 100));
    }

    [Fact]
    public async Task AnswersLate_RepetitionMeetsTheFirst_IsAppliedOnce()
    {
        await using var fs = await FaultFixture.StartAsync();
        await using var file = await CreateAsync(fs);
        var late = 0;
        fs.Faults().OnMessage = m =>
            m.Service == ServiceId.Storage && !m.ToNode && Interlocked.Increment(ref late) <= 3
                ? new MessageFate(default, TimeSpan.FromMilliseconds(400))
                : default;

        await file.WriteAsync(ClientFixture.Bytes(1, 5000), 0);
        fs.Faults().OnMessage = null;

        late.Should().BeGreaterThan(1, "the client did not wait for the late answer");
        (await fs.VersionAsync(file.InodeId, 0)).Should().Be(1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task MetadataAnswersLost_NameSpace_ChangesExactlyOnce(int seed)
    {
        await using var fs = await FaultFixture.StartAsync();
        var client = fs.Client;
        fs.Faults().OnMessage = FaultFixture.Unreliable(seed, ServiceId.Meta, 0, 0.15);

        for (var i = 0; i < 4; i++)
        {
            // None of them may fail: each finds out that it was done already.
            await client.CreateDirectoryAsync($"/d{i}/a/b");
            await client.CreateSymbolicLinkAsync($"/d{i}/s", "a");
            await using (
                var file = await client.OpenAsync(
                    $"/d{i}/f",
                    FileMode.OpenOrCreate,
                    FileAccess.ReadWrite
                )
            )
            {
                await file.WriteAsync(new byte[10], 0);
            }
            await client.CreateHardLinkAsync($"/d{i}/h", $"/d{i}/f");
            await client.MoveAsync($"/d{i}/h", $"/d{i}/g", overwrite: true);
            await client.DeleteAsync($"/d{i}/s");
            await client.MoveAsync($"/d{i}/a", $"/d{i}/c", overwrite: true);
            await client.DeleteAsync($"/d{i}/c", recursive: true);
        }
        fs.Faults().OnMessage = null;

        for (var i = 0; i < 4; i++)
        {
            var names = new List<string>();
            await foreach (var entry in client.EnumerateAsync($"/d{i}"))
            {
                names.Add(entry.Name);
            }
            names.Should().Equal("f", "g");
            (await client.GetInfoAsync($"/d{i}/f")).LinkCount.Should().Be(2);
            (await client.GetInfoAsync($"/d{i}/f")).Length.Should().Be(10);
        }
    }

    [Fact]
    public async Task CreateNewAnswerLost_Client_IsToldThatTheFileExists()
    {
        await using var fs = await FaultFixture.StartAsync();
        var lost = 0;
        fs.Faults().OnMessage = m =>
            m.Service == ServiceId.Meta
            && !m.ToNode
            && m.Method == MetaMethod.Create
            && Interlocked.Increment(ref lost) == 1
                ? new MessageFate(RpcFaultAction.Drop, default)
                : default;

        var create = async () =>
            await fs.Client.OpenAsync("/f", FileMode.CreateNew, FileAccess.ReadWrite);

        // The protocol has no way to tell the own file from another's here; the message says so.
        (await create.Should().ThrowAsync<IOException>())
            .Which.ToString()
            .Should()
            .Contain("sent again");
        (await fs.Client.TryGetInfoAsync("/f")).Should().NotBeNull();
    }

    [Fact]
    public async Task ManagerUnreachable_KnownChains_KeepWorking()
    {
        await using var fs = await FaultFixture.StartAsync();
        await fs.WriteFileAsync("/f", ClientFixture.Bytes(1, 200_000));

        fs.Faults().OnMessage = FaultFixture.DropAll(ServiceId.Mgmtd, toNode: true);
        await fs.WriteFileAsync("/g", ClientFixture.Bytes(2, 200_000));
        var read = await fs.ReadFileAsync("/f");
        fs.Faults().OnMessage = null;

        read.Should().Equal(ClientFixture.Bytes(1, 200_000));
        (await fs.ReadFileAsync("/g")).Should().Equal(ClientFixture.Bytes(2, 200_000));
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
