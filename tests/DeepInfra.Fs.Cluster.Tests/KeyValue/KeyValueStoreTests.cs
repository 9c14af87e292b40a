// SPDX-License-Identifier: MIT
using System.Text;
using DeepInfra.Fs.Cluster.KeyValue;

namespace DeepInfra.Fs.Cluster.Tests.KeyValue;

public sealed class KeyValueStoreTests : IDisposable
{
    private readonly TempDirectory _temp = new();
    private KeyValueStore _store;

    public KeyValueStoreTests()
    {
        _store = KeyValueStore.Open(_temp["kv"], DurabilityMode.None);
    }

    public void Dispose()
    {
        _store.Dispose();
        _temp.Dispose();
    }

    [Fact]
    public async Task Commit_KeyReadAndWrittenByAnother_IsRefused()
    {
        await PutAsync("a", "1");
        using var slow = _store.Begin();
        slow.Get(Key("a"));
        slow.Put(Key("b"), Key("x"));

        await PutAsync("a", "2");

        (await slow.CommitAsync()).Should().BeFalse();
        Get("b").Should().BeNull();
    }

    [Fact]
    public async Task Commit_OnlyPeekedKeyWrittenByAnother_Succeeds()
    {
        await PutAsync("a", "1");
        using var slow = _store.Begin();
        slow.GetWithoutConflict(Key("a"));
        slow.Put(Key("b"), Key("x"));

        await PutAsync("a", "2");

        (await slow.CommitAsync()).Should().BeTrue();
    }

    [Fact]
    public async Task Commit_NewKeyInScannedRange_IsRefused()
    {
        await PutAsync("d/a", "1");
        using var slow = _store.Begin();
        slow.Scan(KeyRange.OfPrefix("d/"u8), 10);
        slow.Delete(Key("d"));

        await PutAsync("d/b", "2");

        (await slow.CommitAsync()).Should().BeFalse();
    }

    [Fact]
    public async Task Commit_NewKeyBehindALimitedScan_Succeeds()
    {
        await PutAsync("d/a", "1");
        await PutAsync("d/b", "1");
        using var slow = _store.Begin();
        slow.Scan(KeyRange.OfPrefix("d/"u8), 1).Should().HaveCount(1);
        slow.Put(Key("x"), Key("1"));

        await PutAsync("d/c", "2");

        (await slow.CommitAsync()).Should().BeTrue();
    }

    [Fact]
    public async Task Read_OpenTransaction_SeesItsSnapshotAndItsOwnWrites()
    {
        await PutAsync("a", "1");
        using var transaction = _store.Begin();
        transaction.Put(Key("c"), Key("own"));

        await PutAsync("a", "2");
        await PutAsync("b", "2");

        Text(transaction.Get(Key("a"))).Should().Be("1");
        transaction.Get(Key("b")).Should().BeNull();
        transaction.Scan(KeyRange.OfPrefix([0x61]), 10).Should().ContainSingle();
        Text(transaction.Get(Key("c"))).Should().Be("own");
    }

    [Fact]
    public async Task Scan_MixedWithOwnWrites_MergesInOrder()
    {
        foreach (var name in new[] { "k1", "k3", "k5", "k7" })
        {
            await PutAsync(name, name);
        }
        using var transaction = _store.Begin();
        transaction.Put(Key("k2"), Key("new"));
        transaction.Put(Key("k3"), Key("changed"));
        transaction.Delete(Key("k5"));
        transaction.Put(Key("k9"), Key("new"));

        var all = transaction.Scan(KeyRange.OfPrefix("k"u8), 100);
        var first = transaction.Scan(KeyRange.OfPrefix("k"u8), 3);

        all.Select(e => Text(e.Key)).Should().Equal("k1", "k2", "k3", "k7", "k9");
        first.Select(e => Text(e.Value)).Should().Equal("k1", "new", "changed");
    }

    [Fact]
    public async Task WriteAsync_ManyIncrementsAtOnce_LosesNone()
    {
        await Task.WhenAll(
            Enumerable
                .Range(0, 8)
                .Select(_ =>
                    Task.Run(async () =>
                    {
                        for (var i = 0; i < 100; i++)
                        {
                            await _store.WriteAsync(t =>
                            {
                                var value = int.Parse(Text(t.Get(Key("n"))) ?? "0");
                                t.Put(Key("n"), Key($"{value + 1}"));
                                return true;
                            });
                        }
                    })
                )
        );

        Get("n").Should().Be("800");
    }

    [Fact]
    public async Task Open_AfterClose_FindsEverything()
    {
        await PutAsync("a", "1");
        _store.Dispose();

        _store = KeyValueStore.Open(_temp["kv"], DurabilityMode.Fsync);

        Get("a").Should().Be("1");
        await PutAsync("b", "2");
        Get("b").Should().Be("2");
    }

    [Fact]
    public void Begin_AfterDispose_Throws()
    {
        _store.Dispose();

        var begin = () => _store.Begin();

        begin.Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void OfPrefix_TrailingFullBytes_StillEndsAfterThePrefix()
    {
        var range = KeyRange.OfPrefix([1, 0xFF, 0xFF]);

        range.Contains([1, 0xFF, 0xFF, 7]).Should().BeTrue();
        range.Contains([2]).Should().BeFalse();
        var all = () => KeyRange.OfPrefix([0xFF]);
        all.Should().Throw<ArgumentException>();
    }

    private static byte[] Key(string text) => Encoding.UTF8.GetBytes(text);

    private static string? Text(byte[]? bytes) =>
        bytes is null ? null : Encoding.UTF8.GetString(bytes);

    private string? Get(string key) => _store.Read(t => Text(t.Get(Key(key))));

    private ValueTask<bool> PutAsync(string key, string value) =>
        _store.WriteAsync(t =>
        {
            t.Put(Key(key), Key(value));
            return true;
        });
}
