// SPDX-License-Identifier: MIT
using System.Buffers;
using DeepInfra.Fs.KvCache;
using DeepInfra.Fs.Tests.Fakes;

namespace DeepInfra.Fs.Tests.KvCache;

public abstract class KvCacheStoreContract : IAsyncLifetime
{
    private static readonly KvCacheStoreOptions s_options = new()
    {
        PackBelowBytes = 1000,
        SegmentBytes = 10_000,
        RefreshInterval = TimeSpan.Zero,
    };

    protected IFileSystem FileSystem { get; private set; } = null!;

    public async ValueTask InitializeAsync() => FileSystem = await CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await DestroyAsync();
        GC.SuppressFinalize(this);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(999)]
    [InlineData(1000)]
    [InlineData(300_000)]
    public async Task PutAsync_AnySize_ComesBack(int size)
    {
        await using var store = await OpenAsync();
        var value = Value(size, 1);

        await store.PutAsync(7, value);
        var before = await GetAsync(store, 7);
        await store.FlushAsync();
        var after = await GetAsync(store, 7);

        before.Should().Equal(value);
        after.Should().Equal(value);
        (await store.ContainsAsync(7)).Should().BeTrue();
        store.Statistics.BytesPut.Should().Be(size);
        store.Statistics.BytesFetched.Should().Be(2L * size);
        store.Statistics.Hits.Should().Be(2);
    }

    [Fact]
    public async Task TryGetAsync_Missing_ReturnsFalse()
    {
        await using var store = await OpenAsync();

        (await GetAsync(store, 1)).Should().BeNull();
        (await store.ContainsAsync(1)).Should().BeFalse();
        (await store.DeleteAsync(1)).Should().BeFalse();
        store.Statistics.Misses.Should().Be(1);
    }

    [Fact]
    public async Task OpenAsync_Again_FindsEverythingThatWasFlushed()
    {
        await using (var store = await OpenAsync())
        {
            await store.PutManyAsync([.. Enumerable.Range(0, 60).Select(i => Item(i, 500))]);
            await store.PutManyAsync([.. Enumerable.Range(100, 5).Select(i => Item(i, 5000))]);
        }

        await using var again = await OpenAsync();
        foreach (var key in Enumerable.Range(0, 60))
        {
            (await GetAsync(again, (ulong)key)).Should().Equal(Value(500, key));
        }

        (await GetAsync(again, 102)).Should().Equal(Value(5000, 102));
    }

    [Fact]
    public async Task TryGetAsync_WrittenByAnother_IsFound()
    {
        await using var mine = await OpenAsync();
        await using var other = await OpenAsync();
        await other.PutAsync(1, Value(100, 1));
        await other.PutAsync(2, Value(5000, 2));
        (await GetAsync(mine, 1)).Should().BeNull("a packed value waits for its segment");

        await other.FlushAsync();

        (await GetAsync(mine, 1)).Should().Equal(Value(100, 1));
        (await GetAsync(mine, 2)).Should().Equal(Value(5000, 2));
        (await mine.ContainsAsync(2)).Should().BeTrue();
    }

    [Theory]
    [InlineData(100, 200)]
    [InlineData(100, 5000)]
    [InlineData(5000, 100)]
    [InlineData(5000, 6000)]
    public async Task PutAsync_Again_Replaces(int first, int second)
    {
        await using (var store = await OpenAsync())
        {
            await store.PutAsync(1, Value(first, 1));
            await store.FlushAsync();
            await store.PutAsync(1, Value(second, 2));
            (await GetAsync(store, 1)).Should().Equal(Value(second, 2));
        }

        await using var again = await OpenAsync();
        (await GetAsync(again, 1)).Should().Equal(Value(second, 2));
    }

    [Theory]
    [InlineData(100)]
    [InlineData(5000)]
    public async Task DeleteAsync_Value_StaysAway(int size)
    {
        await using (var store = await OpenAsync())
        {
            await store.PutAsync(1, Value(size, 1));
            await store.PutAsync(2, Value(size, 2));
            await store.FlushAsync();
            (await store.DeleteAsync(1)).Should().BeTrue();
            (await GetAsync(store, 1)).Should().BeNull();
        }

        await using var again = await OpenAsync();
        (await GetAsync(again, 1)).Should().BeNull();
        (await GetAsync(again, 2)).Should().Equal(Value(size, 2));
        (await again.DeleteAsync(2)).Should().BeTrue();
    }

    [Theory]
    [InlineData(100)]
    [InlineData(5000)]
    public async Task TryGetAsync_Expired_IsAMiss(int size)
    {
        var time = new ManualTime();
        await using var store = await KvCacheStore.OpenAsync(
            FileSystem,
            "kv",
            s_options with
            {
                TimeProvider = time,
            }
        );
        await store.PutAsync(1, Value(size, 1), TimeSpan.FromMinutes(5));
        await store.PutAsync(2, Value(size, 2));
        await store.FlushAsync();

        time.Advance(TimeSpan.FromMinutes(4));
        (await GetAsync(store, 1)).Should().NotBeNull();
        time.Advance(TimeSpan.FromMinutes(2));

        (await GetAsync(store, 1)).Should().BeNull();
        (await GetAsync(store, 2)).Should().NotBeNull();
        store.Statistics.Damaged.Should().Be(0);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(5000)]
    public async Task TryGetAsync_Damaged_IsAMissAndGone(int size)
    {
        await using var store = await OpenAsync();
        await store.PutAsync(1, Value(size, 1));
        await store.FlushAsync();
        await foreach (var entry in FileSystem.ListAsync("kv", recursive: true))
        {
            if (entry.Kind == FileSystemEntryKind.File)
            {
                await using var file = await FileSystem.OpenWriteAsync(entry.Path);
                await file.WriteAsync(new byte[] { 0xA5, 0x5A }, 50);
            }
        }

        (await GetAsync(store, 1)).Should().BeNull();
        (await store.ContainsAsync(1)).Should().BeFalse();
        store.Statistics.Damaged.Should().Be(1);
    }

    [Fact]
    public async Task EvictAsync_Bytes_RemovesTheLeastRecentlyUsed()
    {
        await using var store = await OpenAsync();
        for (var i = 0; i < 10; i++)
        {
            await store.PutAsync((ulong)i, Value(5000, i));
        }

        await GetAsync(store, 0);
        var evicted = await store.EvictAsync(12_000);

        evicted.Should().Be(15_000);
        (await store.ContainsAsync(0)).Should().BeTrue();
        (await store.ContainsAsync(1)).Should().BeFalse();
        (await store.ContainsAsync(3)).Should().BeFalse();
        (await store.ContainsAsync(4)).Should().BeTrue();
        store.Statistics.BytesEvicted.Should().Be(15_000);
    }

    [Fact]
    public async Task EvictAsync_SmallValueThatReplacedALargeOne_DoesNotBringItBack()
    {
        await using var store = await OpenAsync();
        await store.PutAsync(1, Value(5000, 1));
        await store.PutAsync(1, Value(100, 2));

        await store.EvictAsync(100);

        (await GetAsync(store, 1)).Should().BeNull();
        (await store.ContainsAsync(1)).Should().BeFalse();
    }

    [Fact]
    public async Task PutManyAsync_MoreThanASegmentHolds_MakesSeveral()
    {
        await using (var store = await OpenAsync())
        {
            await store.PutManyAsync([.. Enumerable.Range(0, 100).Select(i => Item(i, 900))]);
        }

        var lengths = new List<long>();
        await foreach (var entry in FileSystem.ListAsync("kv/segments"))
        {
            lengths.Add(entry.Length);
        }

        lengths.Should().HaveCountGreaterThan(5).And.OnlyContain(l => l < 20_000);
        await using var again = await OpenAsync();
        for (var i = 0; i < 100; i++)
        {
            (await GetAsync(again, (ulong)i)).Should().Equal(Value(900, i));
        }
    }

    [Fact]
    public async Task EvictAsync_Everything_EmptiesTheStore()
    {
        await using (var first = await OpenAsync())
        {
            await first.PutManyAsync([
                .. Enumerable.Range(0, 20).Select(i => Item(i, i % 2 == 0 ? 300 : 3000)),
            ]);
        }

        await using var store = await OpenAsync();
        var evicted = await store.EvictAsync(long.MaxValue);

        evicted.Should().Be((10 * 300) + (10 * 3000));
        for (var i = 0; i < 20; i++)
        {
            (await GetAsync(store, (ulong)i)).Should().BeNull();
        }
    }

    [Fact]
    public async Task GetManyAsync_Batch_FillsEachBuffer()
    {
        await using var store = await OpenAsync();
        await store.PutManyAsync([.. Enumerable.Range(0, 40).Select(i => Item(i, i * 50))]);
        var reads = Enumerable
            .Range(0, 50)
            .Select(i => new KvCacheRead((ulong)i, new byte[3000]))
            .ToList();

        var found = await store.GetManyAsync(reads);

        found.Should().Be(40);
        foreach (var read in reads)
        {
            read.IsFound.Should().Be(read.Key < 40);
            if (read.IsFound)
            {
                read.Buffer[..read.Length]
                    .ToArray()
                    .Should()
                    .Equal(Value((int)read.Key * 50, (int)read.Key));
            }
        }

        var small = async () => await store.GetManyAsync([new KvCacheRead(39, new byte[1])]);
        (await small.Should().ThrowAsync<ArgumentException>()).WithMessage("*1950 bytes, got 1*");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(37)]
    [InlineData(100)]
    public async Task PrefixMatchAsync_Chain_CountsTheLeadingBlocks(int stored)
    {
        await using var store = await OpenAsync();
        var tokens = Enumerable.Range(0, 1600).ToArray();
        var keys = KvBlockHash.ComputeChain(1, tokens, 16);
        await store.PutManyAsync([
            .. keys.Take(stored).Select((k, i) => new KvCacheItem(k, Value(10, i))),
        ]);
        if (stored < 90)
        {
            await store.PutAsync(keys[95], Value(10, 1));
        }

        (await store.PrefixMatchAsync(keys)).Should().Be(stored);
    }

    [Fact]
    public async Task ConcurrentUse_ManyTasks_StaysConsistent()
    {
        await using var store = await OpenAsync();

        await Task.WhenAll(
            Enumerable
                .Range(0, 8)
                .Select(t =>
                    Task.Run(async () =>
                    {
                        var random = new Random(t);
                        for (var i = 0; i < 60; i++)
                        {
                            var key = random.Next(20);
                            var size = key % 2 == 0 ? 200 : 2000;
                            switch (random.Next(4))
                            {
                                case 0:
                                    await store.PutAsync((ulong)key, Value(size, key));
                                    break;
                                case 1:
                                    await store.EvictAsync(500);
                                    break;
                                default:
                                    var value = await GetAsync(store, (ulong)key);
                                    (
                                        value is null
                                        || value.AsSpan().SequenceEqual(Value(size, key))
                                    )
                                        .Should()
                                        .BeTrue();
                                    break;
                            }
                        }
                    })
                )
        );

        store.Statistics.Damaged.Should().Be(0);
    }

    protected abstract ValueTask<IFileSystem> CreateAsync();

    protected abstract ValueTask DestroyAsync();

    private static KvCacheItem Item(int key, int size) => new((ulong)key, Value(size, key));

    private static byte[] Value(int size, int seed)
    {
        var value = new byte[size];
        new Random(seed).NextBytes(value);
        return value;
    }

    private static async Task<byte[]?> GetAsync(KvCacheStore store, ulong key)
    {
        var writer = new ArrayBufferWriter<byte>();
        return await store.TryGetAsync(key, writer) ? writer.WrittenSpan.ToArray() : null;
    }

    private ValueTask<KvCacheStore> OpenAsync() =>
        KvCacheStore.OpenAsync(FileSystem, "kv", s_options);

    private sealed class ManualTime : TimeProvider
    {
        private DateTimeOffset _now = DateTimeOffset.UnixEpoch.AddDays(20_000);

        public void Advance(TimeSpan time) => _now += time;

        public override DateTimeOffset GetUtcNow() => _now;
    }
}

public sealed class LocalKvCacheStoreTests : KvCacheStoreContract
{
    private readonly string _root = Directory.CreateTempSubdirectory("fs-kv").FullName;

    protected override ValueTask<IFileSystem> CreateAsync() => new(new LocalFileSystem(_root));

    protected override ValueTask DestroyAsync()
    {
        Directory.Delete(_root, recursive: true);
        return ValueTask.CompletedTask;
    }
}

public sealed class ThreeFsKvCacheStoreTests : KvCacheStoreContract
{
    private FakeCluster _cluster = null!;
    private ThreeFsClient _client = null!;

    protected override async ValueTask<IFileSystem> CreateAsync()
    {
        _cluster = new FakeCluster(storageNodes: 2, chains: 6);
        _client = await _cluster.ConnectAsync();
        return new ThreeFsFileSystem(_client);
    }

    protected override async ValueTask DestroyAsync()
    {
        await _client.DisposeAsync();
        await _cluster.DisposeAsync();
    }
}

public sealed class KvBlockHashTests
{
    [Fact]
    public void ComputeChain_SamePrefix_GivesTheSameKeysAsFarAsItGoes()
    {
        var a = KvBlockHash.ComputeChain(3, [1, 2, 3, 4, 5, 6, 7], 2);
        var b = KvBlockHash.ComputeChain(3, [1, 2, 3, 4, 9, 6], 2);
        var c = KvBlockHash.ComputeChain(4, [1, 2], 2);

        a.Should().HaveCount(3);
        a[..2].Should().Equal(b[..2]);
        a[2].Should().NotBe(b[2]);
        c[0].Should().NotBe(a[0]);
        a[1].Should().Be(KvBlockHash.Compute(a[0], [3, 4]));
    }
}
