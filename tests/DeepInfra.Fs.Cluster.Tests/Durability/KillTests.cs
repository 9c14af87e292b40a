// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Durability;

/// <summary>
/// kill -9 in the middle of writes, at random moments: what was acknowledged is there afterwards, no chunk
/// is torn, and the name space is whole.
/// </summary>
public sealed class KillTests
{
    private const int Writers = 6;
    private const int ChunksPerWriter = 3;

    // Far from the inodes of the files made here, whose removal takes their chunks along.
    private const ulong Inode = 0x7777_0000;

    [Theory]
    [InlineData(1, 2, DurabilityMode.None)]
    [InlineData(2, 2, DurabilityMode.Fsync)]
    public Task Kill_DuringWrites_LosesNothingAcknowledged(
        int seed,
        int rounds,
        DurabilityMode durability
    ) => RunAsync(seed, rounds, durability);

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData(100, 50, DurabilityMode.None)]
    [InlineData(200, 50, DurabilityMode.Fsync)]
    public Task KillManyTimes_DuringWrites_LosesNothingAcknowledged(
        int seed,
        int rounds,
        DurabilityMode durability
    ) => RunAsync(seed, rounds, durability);

    private static async Task RunAsync(int seed, int rounds, DurabilityMode durability)
    {
        using var temp = new TempDirectory();
        var random = new Random(seed);
        var expectations = new Expectation[Writers];
        for (var i = 0; i < Writers; i++)
        {
            expectations[i] = new Expectation(i, random.Next());
        }
        for (var round = 0; round < rounds; round++)
        {
            using (var child = await ChildCluster.StartAsync(temp["data"], durability))
            await using (var client = await RawClient.ConnectAsync(child.Manager, "embedded"))
            {
                var delay = random.Next(20, 300);
                using var stop = new CancellationTokenSource();
                var work = expectations.Select(e =>
                    Task.Run(() => e.WorkAsync(client, stop.Token))
                );
                var running = Task.WhenAll(work.ToArray());
                await Task.Delay(delay);
                child.Kill();
                await stop.CancelAsync();
                await client.DisposeAsync();
                await running;
            }
            await CheckAsync(temp["data"], expectations, $"seed {seed}, round {round}");
        }
        expectations.Sum(e => e.Acknowledged).Should().BeGreaterThan(rounds * 10);
    }

    private static async Task CheckAsync(
        string directory,
        Expectation[] expectations,
        string context
    )
    {
        await using var cluster = await TestCluster.StartAsync(directory);
        var verification = await cluster.VerifyChunksAsync();
        verification.Damaged.Should().BeEmpty(context);
        await using var client = await RawClient.ConnectAsync(cluster);
        foreach (var expectation in expectations)
        {
            await expectation.CheckAsync(client, context);
        }
    }

    /// <summary>What one writer did and what must therefore be found.</summary>
    private sealed class Expectation(int number, int seed)
    {
        private readonly Random _random = new(seed);
        private readonly ConcurrentDictionary<ChunkId, State> _chunks = new();
        private readonly Dictionary<string, bool?> _names = [];
        private int _files;

        public int Acknowledged { get; private set; }

        public async Task WorkAsync(RawClient client, CancellationToken stop)
        {
            while (!stop.IsCancellationRequested)
            {
                var done =
                    _random.Next(4) == 0
                        ? await ChangeNameAsync(client)
                        : await ChangeChunkAsync(client);
                if (!done)
                {
                    return;
                }
                Acknowledged++;
            }
        }

        public async Task CheckAsync(RawClient client, string context)
        {
            foreach (var (id, state) in _chunks)
            {
                var (result, data) = await client.ReadAsync(Chain(client, id), id, 0, 64 * 1024);
                var found = result.LengthInfo.HasValue ? data : null;
                var allowed = state.Allowed.Where(a => Same(a, found)).ToList();
                allowed.Should().NotBeEmpty($"{context}, chunk {id} has {found?.Length} bytes");
                // What was found is the truth from now on.
                state.Allowed = [found];
            }
            foreach (var (name, exists) in _names.ToArray())
            {
                var stat = await client.MetaAsync<StatReq, StatRsp>(
                    MetaMethod.Stat,
                    new StatReq { Path = new PathAt { Path = name } }
                );
                if (exists is { } known)
                {
                    stat.HasValue.Should().Be(known, $"{context}, {name}");
                }
                _names[name] = stat.HasValue;
            }
        }

        private static bool Same(byte[]? a, byte[]? b) =>
            a is null || b is null ? a == b : a.AsSpan().SequenceEqual(b);

        private static uint Chain(RawClient client, ChunkId id)
        {
            var chains = client.Routing.Chains.Keys.Order().ToArray();
            return chains[id.ChunkIndex % chains.Length];
        }

        private async Task<bool> ChangeChunkAsync(RawClient client)
        {
            var id = new ChunkId(
                Inode,
                0,
                (uint)((number * ChunksPerWriter) + _random.Next(ChunksPerWriter))
            );
            var state = _chunks.GetOrAdd(id, _ => new State());
            var old = state.Allowed[0] ?? [];
            var offset = _random.Next(2) == 0 ? old.Length : _random.Next(old.Length + 1);
            var data = new byte[Math.Min(_random.Next(1, 40_000), (64 * 1024) - offset)];
            if (data.Length == 0)
            {
                offset = 0;
                data = new byte[100];
            }
            _random.NextBytes(data);
            var next = new byte[Math.Max(old.Length, offset + data.Length)];
            old.CopyTo(next, 0);
            data.CopyTo(next, offset);
            // Until the answer is here either state may be found.
            state.Allowed = [state.Allowed[0], next];
            var result = await client.WriteAsync(
                Chain(client, id),
                id,
                (uint)offset,
                data,
                channel: (ushort)(number + 1)
            );
            if (!result.LengthInfo.HasValue)
            {
                return false;
            }
            state.Allowed = [next];
            return true;
        }

        private async Task<bool> ChangeNameAsync(RawClient client)
        {
            var known = _names.Where(n => n.Value == true).Select(n => n.Key).ToArray();
            if (known.Length > 0 && _random.Next(3) == 0)
            {
                var name = known[_random.Next(known.Length)];
                _names[name] = null;
                var removed = await client.MetaAsync<RemoveReq, RemoveRsp>(
                    MetaMethod.Remove,
                    new RemoveReq { Path = new PathAt { Path = name } }
                );
                _names[name] = removed.HasValue ? false : null;
                return removed.HasValue;
            }
            var fresh = $"/w{number}-{_files++}";
            _names[fresh] = null;
            var made = await client.MetaAsync<CreateReq, CreateRsp>(
                MetaMethod.Create,
                new CreateReq
                {
                    Path = new PathAt { Path = fresh },
                    Perm = 0x1A4,
                    Flags = OpenFlags.Create | OpenFlags.Exclusive,
                }
            );
            _names[fresh] = made.HasValue ? true : null;
            return made.HasValue;
        }

        private sealed class State
        {
            public byte[]?[] Allowed { get; set; } = [null];
        }
    }
}
