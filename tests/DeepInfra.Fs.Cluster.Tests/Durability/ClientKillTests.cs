// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Tests.Faults;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Durability;

/// <summary>
/// kill -9 of the process with manager, metadata service and storage nodes, while one public client goes on working:
/// it finds the cluster again by itself, no operation fails, nothing acknowledged is lost and nothing is done twice.
/// </summary>
public sealed class ClientKillTests
{
    [Theory]
    [InlineData(1, 2, DurabilityMode.None)]
    [InlineData(2, 2, DurabilityMode.Fsync)]
    public Task Kill_UnderTheClient_LosesNothingAndItGoesOn(
        int seed,
        int rounds,
        DurabilityMode durability
    ) => RunAsync(seed, rounds, durability);

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData(100, 40, DurabilityMode.None)]
    [InlineData(200, 40, DurabilityMode.Fsync)]
    public Task KillManyTimes_UnderTheClient_LosesNothingAndItGoesOn(
        int seed,
        int rounds,
        DurabilityMode durability
    ) => RunAsync(seed, rounds, durability);

    [Fact]
    public async Task KilledForGood_Operations_EndInErrorsThatSayWhatAndWhere()
    {
        using var temp = new TempDirectory();
        using var child = await ChildCluster.StartAsync(temp["data"], DurabilityMode.None);
        var clock = new HurryingClock();
        await using var client = await ConnectAsync(child, o => FaultFixture.Hurried(o, clock));
        var file = await client.OpenAsync("/f", FileMode.CreateNew, FileAccess.ReadWrite);
        await file.WriteAsync(new byte[1000], 0);

        child.Kill();
        var errors = new[]
        {
            await clock.FailsSoonAsync<ThreeFsException>(async () =>
                await file.ReadAsync(new byte[1000], 0)
            ),
            await clock.FailsSoonAsync<ThreeFsException>(async () =>
                await file.WriteAsync(new byte[1000], 0)
            ),
        };
        var statError = await clock.FailsSoonAsync<ThreeFsException>(async () =>
            await client.GetInfoAsync("/f")
        );
        var closeError = await clock.FailsSoonAsync<ThreeFsException>(async () =>
            await file.DisposeAsync()
        );

        foreach (var error in errors)
        {
            error.StatusCode.Should().Be(StatusCode.StorageClientCommError);
            error
                .Message.Should()
                .Contain($"{new ChunkId(file.InodeId, 0, 0)}")
                .And.MatchRegex("target 10+[0-9]+")
                .And.MatchRegex("chain 9[0-9]{5}");
            error.Path.Should().EndWith("f");
        }
        foreach (var error in new[] { statError, closeError })
        {
            error.StatusCode.Should().Be(StatusCode.RpcConnectFailed);
            error.Message.Should().Contain("127.0.0.1:");
            error.Path.Should().EndWith("f");
        }
    }

    private static ValueTask<ThreeFsClient> ConnectAsync(
        ChildCluster child,
        Func<ThreeFsClientOptions, ThreeFsClientOptions> configure
    ) =>
        ThreeFsClient.ConnectAsync(
            configure(
                new ThreeFsClientOptions
                {
                    ClusterId = "embedded",
                    ManagerAddresses = [child.Manager.ToString()],
                }
            )
        );

    private static async Task RunAsync(int seed, int rounds, DurabilityMode durability)
    {
        using var temp = new TempDirectory();
        var random = new Random(seed);
        var history = new RegisterHistory(Guid.Empty);
        var child = await ChildCluster.StartAsync(temp["data"], durability);
        var files = new List<FileModel>();
        try
        {
            await using var client = await ConnectAsync(child, FaultFixture.Eager);
            await using var register = await client.OpenAsync(
                "/register",
                FileMode.CreateNew,
                FileAccess.ReadWrite
            );
            await register.WriteAsync(new byte[16], 0);
            var running = true;
            bool GoOn() => Volatile.Read(ref running);
            var work = new List<Task>();
            for (var i = 0; i < 3; i++)
            {
                var (use, number) = (new Random(random.Next()), i);
                work.Add(Task.Run(() => UseRegisterAsync(register, history, use, GoOn)));
                files.Add(new FileModel($"/file{number}", random.Next()));
            }
            work.AddRange(files.Select(f => Task.Run(() => f.WorkAsync(client, GoOn))));
            work.Add(Task.Run(() => ChangeNamesAsync(client, GoOn)));

            for (var round = 0; round < rounds; round++)
            {
                await Task.Delay(random.Next(100, 400));
                child.Kill();
                var port = child.Manager.Port;
                child.Dispose();
                await Task.Delay(random.Next(0, 100));
                child = await ChildCluster.StartAsync(temp["data"], durability, port);
            }
            // However slow the machine is: operations on the last cluster, too.
            var enough = Math.Max(rounds * 10, history.Count + 10);
            for (
                var i = 0;
                history.Count <= enough && !work.Exists(t => t.IsFaulted) && i < 2400;
                i++
            )
            {
                await Task.Delay(25);
            }
            Volatile.Write(ref running, false);
            await Task.WhenAll(work).WaitAsync(TimeSpan.FromMinutes(5));
        }
        finally
        {
            child.Dispose();
        }

        history.FindViolation().Should().BeNull($"seed {seed}");
        history.Count.Should().BeGreaterThan(rounds * 10);
        await using var cluster = await TestCluster.StartAsync(temp["data"]);
        (await cluster.VerifyChunksAsync()).Damaged.Should().BeEmpty();
        await using var reader = await cluster.ConnectAsync();
        foreach (var file in files)
        {
            await file.CheckAsync(reader, $"seed {seed}");
        }
    }

    private static async Task UseRegisterAsync(
        ThreeFsFile register,
        RegisterHistory history,
        Random random,
        Func<bool> goOn
    )
    {
        var buffer = new byte[16];
        while (goOn())
        {
            var begin = history.Begin();
            if (random.Next(2) == 0)
            {
                var value = Guid.NewGuid();
                await register.WriteAsync(value.ToByteArray(), 0);
                history.Wrote(value, begin);
            }
            else
            {
                await register.ReadAsync(buffer, 0);
                history.Read(new Guid(buffer), begin);
            }
            // Room for the others; histories of a hundred thousand operations show no more.
            await Task.Delay(1);
        }
    }

    /// <summary>Names come, move and go; each step relies on the one before.</summary>
    private static async Task ChangeNamesAsync(ThreeFsClient client, Func<bool> goOn)
    {
        for (var i = 0; goOn(); i++)
        {
            await client.CreateDirectoryAsync($"/names/{i}/a");
            await client.CreateSymbolicLinkAsync($"/names/{i}/s", "a");
            await client.MoveAsync($"/names/{i}/a", $"/names/{i}/b", overwrite: true);
            (await client.TryGetInfoAsync($"/names/{i}/a")).Should().BeNull();
            (await client.TryGetInfoAsync($"/names/{i}/b")).Should().NotBeNull();
            await client.DeleteAsync($"/names/{i}", recursive: true);
        }
    }

    /// <summary>A file with one writer, and what must be in it.</summary>
    private sealed class FileModel(string path, int seed)
    {
        private const int MaximumBytes = 300_000;

        private readonly Random _random = new(seed);
        private byte[] _content = [];

        public async Task WorkAsync(ThreeFsClient client, Func<bool> goOn)
        {
            await using var file = await client.OpenAsync(
                path,
                FileMode.OpenOrCreate,
                FileAccess.ReadWrite
            );
            while (goOn())
            {
                var offset = _random.Next(MaximumBytes - 100_000);
                if (_random.Next(8) == 0)
                {
                    Array.Resize(ref _content, offset);
                    await file.SetLengthAsync(offset);
                    continue;
                }
                var data = new byte[_random.Next(1, 100_000)];
                _random.NextBytes(data);
                await file.WriteAsync(data, offset);
                Array.Resize(ref _content, Math.Max(_content.Length, offset + data.Length));
                data.CopyTo(_content, offset);
                var read = new byte[data.Length];
                await file.ReadAsync(read, offset);
                read.AsSpan().SequenceEqual(data).Should().BeTrue($"{path} at {offset}");
            }
        }

        public async Task CheckAsync(ThreeFsClient client, string context)
        {
            await using var file = await client.OpenAsync(path, FileMode.Open, FileAccess.Read);
            var found = new byte[await file.GetLengthAsync()];
            await file.ReadAsync(found, 0);
            found.Length.Should().Be(_content.Length, $"{context}, {path}");
            found.AsSpan().SequenceEqual(_content).Should().BeTrue($"{context}, {path}");
        }
    }
}
