// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using DeepInfra.Fs;

namespace DeepInfra.Pond.Text.Tests;

public sealed class TextFrameTests
{
    private sealed record Doc(long Id, string? Text);

    private sealed record Tokens(long Id, int[] tokens);

    [Fact]
    public async Task ExactDedup_RepeatedTexts_KeepsTheFirstOfEach()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        Doc[] docs =
        [
            new(5, "b"),
            new(1, "a"),
            new(2, "b"),
            new(3, "a"),
            new(4, ""),
            new(6, null),
            new(7, ""),
            new(8, null),
        ];

        var kept = await pond.FromItems(docs)
            .RepartitionByRows(3)
            .ExactDedup("Text", new ExactDedupOptions { OrderBy = ["Id"] })
            .ToListAsync<Doc>();

        kept.Select(d => d.Id).Order().Should().Equal(1, 2, 4, 6, 7, 8);
    }

    [Fact]
    public async Task ExactDedup_Normalize_IgnoresCaseAndBlanks()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var docs = pond.FromItems([
            new Doc(1, "Hello  World"),
            new Doc(2, " hello world\n"),
            new Doc(3, "hello"),
        ]);

        var exact = await docs.ExactDedup("Text").CountAsync();
        var normalized = await docs.ExactDedup("Text", new ExactDedupOptions { Normalize = true })
            .CountAsync();

        exact.Should().Be(3);
        normalized.Should().Be(2);
    }

    [Fact]
    public async Task ExactDedup_NoOrder_SameChoiceWhateverThePartitions()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var docs = pond.FromItems(Enumerable.Range(0, 300).Select(i => new Doc(i, "t" + (i % 40))));

        var a = await docs.ExactDedup("Text").ToListAsync<Doc>();
        var b = await docs.RepartitionByRows(5)
            .ExactDedup("Text", new() { Partitions = 9 })
            .ToListAsync<Doc>();

        a.Should().HaveCount(40);
        b.Should().BeEquivalentTo(a);
    }

    [Fact]
    public async Task Tokenize_ByteLevelBpe_EncodesAndDecodesAnyText()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var texts = new[] { "and the cat", "naïve – 東京 🐟", "", "tabs\t\nand   blanks", null };
        var docs = texts.Select((t, i) => new Doc(i, t));

        var rows = await pond.FromItems(docs).Tokenize(TinyVocabulary.Source, "Text").ToListAsync();

        var tokenizer = TinyVocabulary.Source.Create();
        for (var i = 0; i < 4; i++)
        {
            var ids = (int[])rows[i]["tokens"]!;
            rows[i].GetInt32("token_count").Should().Be(ids.Length);
            tokenizer.Decode(ids).Should().Be(texts[i]);
        }

        rows[0]["tokens"].Should().BeEquivalentTo(new[] { 261, 259, 32, 99, 97, 116 });
        rows[4].IsNull("tokens").Should().BeTrue();
        rows[0].FieldCount.Should().Be(3);
    }

    [Fact]
    public void ByteLevelBpe_BadFiles_AreNamed()
    {
        var missing = () => TokenizerSource.ByteLevelBpe("/no/vocab.json", "/no/merges.txt");
        var broken = () => TokenizerSource.ByteLevelBpe("{"u8.ToArray(), TinyVocabulary.Merges);
        var merges = () =>
            TokenizerSource.ByteLevelBpe(TinyVocabulary.Vocabulary, "a b c\n"u8.ToArray());

        missing.Should().Throw<PondCorruptFileException>().WithMessage("*/no/vocab.json*");
        broken.Should().Throw<PondCorruptFileException>();
        merges.Should().Throw<PondCorruptFileException>().WithMessage("*line 1*");
    }

    private static List<Tokens> Documents(int seed, int count, int maxLength)
    {
        var random = new Random(seed);
        return Enumerable
            .Range(0, count)
            .Select(i => new Tokens(
                i,
                Enumerable
                    .Range(0, random.Next(0, maxLength))
                    .Select(_ => random.Next(1, 5000))
                    .ToArray()
            ))
            .ToList();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task PackSequences_Concat_IsTheStreamCutInPieces(bool pad)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var docs = Documents(3, 200, 90);
        const int Length = 64;

        var rows = await pond.FromItems(docs)
            .PackSequences(
                new PackOptions
                {
                    SequenceLength = Length,
                    EosId = 0,
                    PadId = pad ? 7777 : null,
                    DocumentIdColumn = "Id",
                }
            )
            .ToListAsync();

        var stream = docs.Where(d => d.tokens.Length > 0)
            .SelectMany(d => d.tokens.Append(0).Select(t => (d.Id, Token: t)))
            .ToList();
        rows.Should().HaveCount(pad ? (stream.Count + Length - 1) / Length : stream.Count / Length);
        var position = 0;
        foreach (var row in rows)
        {
            var tokens = (int[])row["tokens"]!;
            var ends = (int[])row["cumulative_lengths"]!;
            var ids = (long[])row["document_ids"]!;
            tokens.Should().HaveCount(Length);
            ends[0].Should().Be(0);
            ends.Should().BeInAscendingOrder().And.HaveCount(ids.Length + 1);
            for (var d = 0; d < ids.Length; d++)
            {
                for (var k = ends[d]; k < ends[d + 1]; k++)
                {
                    stream[position++].Should().Be((ids[d], tokens[k]));
                }
            }

            tokens[ends[^1]..].Where(t => t != 7777).Should().BeEmpty();
        }

        var seen = pond.GetObservations()["pack"];
        seen["tokens_in"].Should().Be(docs.Sum(d => d.tokens.Length));
        (seen["tokens_packed"] + seen["tokens_dropped"]).Should().Be(stream.Count);
        position.Should().Be((int)seen["tokens_packed"]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task PackSequences_BestFit_KeepsDocumentsWholeAndLosesNothing(int seed)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var docs = Documents(seed, 300, 64);
        const int Length = 64;

        var rows = await pond.FromItems(docs)
            .PackSequences(
                new PackOptions
                {
                    SequenceLength = Length,
                    BosId = 1,
                    PadId = 0,
                    Mode = PackMode.BestFitDecreasing,
                    DocumentIdColumn = "Id",
                    WindowDocuments = 120,
                }
            )
            .ToListAsync();

        var found = new Dictionary<long, int[]>();
        foreach (var row in rows)
        {
            var tokens = (int[])row["tokens"]!;
            var ends = (int[])row["cumulative_lengths"]!;
            var ids = (long[])row["document_ids"]!;
            for (var d = 0; d < ids.Length; d++)
            {
                found.Add(ids[d], tokens[ends[d]..ends[d + 1]]);
            }
        }

        found.Should().HaveCount(docs.Count(d => d.tokens.Length > 0));
        foreach (var doc in docs.Where(d => d.tokens.Length > 0))
        {
            found[doc.Id].Should().Equal(doc.tokens.Prepend(1));
        }

        var total = found.Values.Sum(t => t.Length);
        ((double)total / (rows.Count * Length)).Should().BeGreaterThan(0.9);
    }

    [Fact]
    public async Task PackSequences_BestFitLongDocuments_AreCutOrDropped()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var docs = pond.FromItems([
            new Tokens(0, Enumerable.Range(1, 25).ToArray()),
            new Tokens(1, [9]),
        ]);
        var options = new PackOptions
        {
            SequenceLength = 10,
            PadId = 0,
            Mode = PackMode.BestFitDecreasing,
        };

        var cut = await docs.PackSequences(options).ToListAsync();
        var dropped = await docs.PackSequences(options with { DropLongDocuments = true })
            .ToListAsync();

        cut.Should().HaveCount(3);
        dropped.Should().ContainSingle().Which["tokens"].As<int[]>()[0].Should().Be(9);
    }

    [Fact]
    public async Task PackSequences_WindowOfManyBatches_GivesEverySample()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var docs = Enumerable.Range(0, 1800).Select(i => new Tokens(i, [i, i, i, i])).ToArray();

        var rows = await pond.FromItems(docs)
            .PackSequences(
                new PackOptions
                {
                    SequenceLength = 4,
                    PadId = 0,
                    Mode = PackMode.BestFitDecreasing,
                    DocumentIdColumn = "Id",
                }
            )
            .ToListAsync();

        rows.Select(r => ((long[])r["document_ids"]!).Single())
            .Should()
            .Equal(Enumerable.Range(0, 1800).Select(i => (long)i));
        rows.Should()
            .OnlyContain(r =>
                ((int[])r["tokens"]!).All(t => t == (int)((long[])r["document_ids"]!)[0])
            );
    }

    [Fact]
    public async Task PackSequences_EmptyFrame_HasNoSamples()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var packed = pond.FromItems(Documents(1, 5, 10))
            .Where("Id < 0")
            .PackSequences(new() { SequenceLength = 8 });

        (await packed.CountAsync()).Should().Be(0);
    }

    [Fact]
    public async Task WriteShards_ThenOpen_GivesTokensAndPositions()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var docs = Documents(5, 100, 50);
        var packed = pond.FromItems(docs).PackSequences(new() { SequenceLength = 32, EosId = 0 });
        var rows = await packed.ToListAsync();

        var result = await packed.WriteShardsAsync(
            area["shards"],
            new ShardOptions
            {
                SequenceLength = 32,
                IncludePositions = true,
                SequencesPerShard = 20,
            }
        );

        result.Rows.Should().Be(rows.Count);
        result.Files.Should().HaveCount((rows.Count + 19) / 20);
        await using var data = await PondRecords.OpenAsync(
            new LocalFileSystem(area.Root),
            "shards"
        );
        data.Count.Should().Be(rows.Count);
        for (var i = 0; i < rows.Count; i++)
        {
            using var batch = await data.ReadBatchAsync(new long[] { i });
            var values = Enumerable
                .Range(0, 64)
                .Select(k => (int)BinaryPrimitives.ReadUInt16LittleEndian(batch[0].Span[(2 * k)..]))
                .ToArray();
            values[..32].Should().Equal((int[])rows[i]["tokens"]!);
            var ends = (int[])rows[i]["cumulative_lengths"]!;
            values[32..]
                .Should()
                .Equal(Enumerable.Range(0, 32).Select(k => k - ends.Last(e => e <= k)));
        }
    }

    [Fact]
    public async Task WriteShards_TokenAbove16Bits_IsRefused()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var packed = pond.FromItems([new Tokens(0, [70_000])])
            .PackSequences(new() { SequenceLength = 1 });

        var act = () => packed.WriteShardsAsync(area["s"], new ShardOptions { SequenceLength = 1 });

        (await act.Should().ThrowAsync<PondJobFailedException>())
            .Which.Message.Should()
            .Contain("70000");
        var wide = await packed.WriteShardsAsync(
            area["s"],
            new ShardOptions { SequenceLength = 1, UInt16 = false }
        );
        wide.Bytes.Should().Be(4);
    }
}
