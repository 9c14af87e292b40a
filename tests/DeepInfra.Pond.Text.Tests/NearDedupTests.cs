// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Text.Tests;

public sealed class NearDedupTests
{
    private sealed record Doc(long Id, string? Text);

    private sealed record Named(string Id, string Text);

    private static string[] Words(Random random, int count) =>
        Enumerable.Range(0, count).Select(_ => "w" + random.Next(5000)).ToArray();

    private static string Edit(Random random, string[] words, int edits)
    {
        var copy = (string[])words.Clone();
        for (var i = 0; i < edits; i++)
        {
            copy[random.Next(copy.Length)] = "x" + random.Next(5000);
        }

        return string.Join(' ', copy);
    }

    [Fact]
    public async Task NearDedup_GeneratedEdits_HasHighPrecisionAndRecall()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var random = new Random(11);
        var docs = new List<Doc>();
        var copies = new HashSet<long>();
        for (var i = 0; i < 150; i++)
        {
            var words = Words(random, 300);
            docs.Add(new Doc(docs.Count, string.Join(' ', words)));
            if (i % 3 == 0)
            {
                // Four changed words of 300 leave a Jaccard similarity of about 0.87.
                copies.Add(docs.Count);
                docs.Add(new Doc(docs.Count, Edit(random, words, 4).ToUpperInvariant() + "\n"));
            }
            else if (i % 3 == 1)
            {
                // Forty changed words leave about 0.3: not a near duplicate.
                docs.Add(new Doc(docs.Count, Edit(random, words, 40)));
            }
        }

        var kept = await pond.FromItems(docs)
            .RepartitionByRows(3)
            .NearDedup(new NearDedupOptions { IdColumn = "Id", TextColumn = "Text" })
            .ToListAsync<Doc>();

        var removed = docs.Select(d => d.Id).Except(kept.Select(d => d.Id)).ToHashSet();
        removed.Should().BeSubsetOf(copies);
        removed.Count.Should().BeGreaterThanOrEqualTo(copies.Count * 9 / 10);
        pond.GetObservations()["near_dedup"]["removed"].Should().Be(removed.Count);
    }

    [Fact]
    public async Task NearDedup_Chain_KeepsOnlyTheFirst()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var random = new Random(4);
        var words = Words(random, 400);
        var docs = new List<Doc>();
        for (var i = 0; i < 40; i++)
        {
            docs.Add(new Doc(100 + i, string.Join(' ', words)));
            words[random.Next(words.Length)] = "y" + i;
        }

        var kept = await pond.FromItems(docs)
            .NearDedup(new NearDedupOptions { IdColumn = "Id", TextColumn = "Text" })
            .ToListAsync<Doc>();

        kept.Should().ContainSingle().Which.Id.Should().Be(100);
    }

    [Fact]
    public async Task NearDedup_ShortNullAndTextIds_AreHandled()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        Named[] docs =
        [
            new("b", "one two three"),
            new("a", "one two three"),
            new("d", "a b c d e f g h i j"),
            new("c", "a b c d e f g h i j"),
        ];

        var kept = await pond.FromItems(docs)
            .NearDedup(new NearDedupOptions { IdColumn = "Id", TextColumn = "Text" })
            .ToListAsync<Named>();

        kept.Select(d => d.Id).Order().Should().Equal("a", "b", "c");
    }

    [Fact]
    public async Task NearDedup_HotBand_StillRemovesTheCopies()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var text = string.Join(' ', Words(new Random(1), 50));
        var docs = Enumerable.Range(0, 30).Select(i => new Doc(i, text));

        var kept = await pond.FromItems(docs)
            .NearDedup(
                new NearDedupOptions
                {
                    IdColumn = "Id",
                    TextColumn = "Text",
                    HotBandMembers = 10,
                }
            )
            .ToListAsync<Doc>();

        kept.Should().ContainSingle().Which.Id.Should().Be(0);
        pond.GetObservations()["near_dedup_candidates"]["hot_bands"].Should().Be(14);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(333)]
    public void MinHash_AllTiers_AreBitIdentical(int count)
    {
        var random = new Random(count);
        var shingles = Enumerable.Range(0, count).Select(_ => (ulong)random.NextInt64()).ToArray();
        var hash = new MinHash(112, 42);
        var reference = new ulong[hash.BufferLength];
        var wide = new ulong[hash.BufferLength];
        var narrow = new ulong[hash.BufferLength];

        hash.SignReference(shingles, reference);
        hash.Sign512(shingles, wide);
        hash.Sign256(shingles, narrow);

        wide.Should().Equal(reference);
        narrow.Should().Equal(reference);
    }

    [Theory]
    [InlineData("one two three four five", "ONE  two\tthree\nfour five ", true)]
    [InlineData("één twee drie vier vijf", "ÉÉN twee drie vier vijf", true)]
    [InlineData("one two three four five", "one two three four six", false)]
    public void Shingler_EqualWords_HashAlike(string a, string b, bool equal)
    {
        var shingler = new Shingler(new NearDedupOptions { IdColumn = "id", TextColumn = "text" });

        var first = shingler.Hash(System.Text.Encoding.UTF8.GetBytes(a)).ToArray();
        var second = shingler.Hash(System.Text.Encoding.UTF8.GetBytes(b)).ToArray();

        first.Should().ContainSingle();
        first.SequenceEqual(second).Should().Be(equal);
    }

    [Fact]
    public void DisjointSets_ChainOfThousand_IsOneSet()
    {
        var sets = new DisjointSets();

        for (var i = 999; i > 0; i--)
        {
            sets.Union(i, i - 1);
        }

        Enumerable.Range(0, 1000).Select(sets.Find).Distinct().Should().ContainSingle();
        sets.Find(1000).Should().Be(1000);
    }
}
