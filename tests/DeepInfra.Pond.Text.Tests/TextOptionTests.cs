// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Text.Tests;

/// <summary>Options that change the result do so.</summary>
public sealed class TextOptionTests
{
    private sealed record Doc(long Id, string Text);

    private sealed record Tokens(long Id, int[] Ids);

    private static readonly NearDedupOptions s_near = new()
    {
        IdColumn = "Id",
        TextColumn = "Text",
    };

    [Fact]
    public async Task NearDedup_IgnoreCaseOff_KeepsTextsThatDifferInCase()
    {
        var text = string.Join(' ', Words(1, 100));
        Doc[] docs = [new(1, text), new(2, text.ToUpperInvariant())];

        (await KeptAsync(docs, s_near)).Should().Equal(1);
        (await KeptAsync(docs, s_near with { IgnoreCase = false })).Should().Equal(1, 2);
    }

    [Fact]
    public async Task NearDedup_ShingleCharacters_FindsCopiesWithoutBlanks()
    {
        var text = string.Concat(Words(2, 100));
        Doc[] docs = [new(1, text), new(2, text[..200] + "#" + text[201..])];

        (await KeptAsync(docs, s_near)).Should().Equal(1, 2);
        (await KeptAsync(docs, s_near with { ShingleCharacters = 5 })).Should().Equal(1);
    }

    [Fact]
    public async Task NearDedup_ThresholdVerifyAndBands_DecideOverHalfSimilarTexts()
    {
        var words = Words(3, 300);
        var edited = (string[])words.Clone();
        for (var i = 0; i < 20; i++)
        {
            // Each word is in five shingles: a Jaccard similarity of about 196 / 396.
            edited[10 + (i * 14)] = "x" + i;
        }

        Doc[] docs = [new(1, string.Join(' ', words)), new(2, string.Join(' ', edited))];
        var candidates = s_near with { Bands = 64, RowsPerBand = 1 };

        (await KeptAsync(docs, candidates)).Should().Equal(1, 2);
        (await KeptAsync(docs, candidates with { Threshold = 0.6 })).Should().Equal(1, 2);
        (await KeptAsync(docs, candidates with { Threshold = 0.4 })).Should().Equal(1);
        (await KeptAsync(docs, candidates with { Verify = false })).Should().Equal(1);
        // No pair agrees in 200 values that each agree with a chance of a half.
        var strict = s_near with
        {
            Bands = 1,
            RowsPerBand = 200,
            Verify = false,
        };
        (await KeptAsync(docs, strict)).Should().Equal(1, 2);
    }

    public static TheoryData<NearDedupOptions> Invalid() =>
        [
            s_near with
            {
                IdColumn = "",
            },
            s_near with
            {
                TextColumn = " ",
            },
            s_near with
            {
                ShingleWords = 0,
            },
            s_near with
            {
                ShingleCharacters = 0,
            },
            s_near with
            {
                Bands = 0,
            },
            s_near with
            {
                RowsPerBand = 0,
            },
            s_near with
            {
                HotBandMembers = 1,
            },
            s_near with
            {
                Threshold = 1.01,
            },
            s_near with
            {
                Threshold = double.NaN,
            },
        ];

    [Theory]
    [MemberData(nameof(Invalid), DisableDiscoveryEnumeration = true)]
    public async Task NearDedup_InvalidOption_Throws(NearDedupOptions options)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var frame = pond.FromItems([new Doc(1, "a")]);

        frame.Invoking(f => f.NearDedup(options)).Should().Throw<ArgumentException>();
    }

    [Fact]
    public async Task Tokenize_ColumnOptions_NameDropAndKeepColumns()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var docs = pond.FromItems([new Doc(1, "and the cat")]);

        var plain = (await docs.Tokenize(TinyVocabulary.Source, "Text").ToListAsync()).Single();
        var other = docs.Tokenize(
            TinyVocabulary.Source,
            "Text",
            new TokenizeOptions
            {
                TokensColumn = "ids",
                CountColumn = null,
                DropText = false,
            }
        );

        var row = (await other.ToListAsync()).Single();

        Names(plain).Should().Equal("Id", "tokens", "token_count");
        Names(row).Should().Equal("Id", "Text", "ids");
        row.GetString("Text").Should().Be("and the cat");
        row["ids"].Should().BeEquivalentTo(new[] { 261, 259, 32, 99, 97, 116 });
    }

    [Fact]
    public async Task PackSequences_TokensColumn_IsRead()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var row = (
            await pond.FromItems([new Tokens(7, [1, 2]), new Tokens(8, [3, 4])])
                .PackSequences(new PackOptions { SequenceLength = 4, TokensColumn = "Ids" })
                .ToListAsync()
        ).Single();

        row["tokens"].Should().BeEquivalentTo(new[] { 1, 2, 3, 4 });
        row["cumulative_lengths"].Should().BeEquivalentTo(new[] { 0, 2, 4 });
    }

    private static string[] Names(PondRow row) =>
        Enumerable.Range(0, row.FieldCount).Select(i => row.GetName(i)).ToArray();

    private static string[] Words(int seed, int count)
    {
        var random = new Random(seed);
        return Enumerable.Range(0, count).Select(_ => "w" + random.Next(100_000)).ToArray();
    }

    private static async Task<IEnumerable<long>> KeptAsync(Doc[] docs, NearDedupOptions options)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var kept = await pond.FromItems(docs).NearDedup(options).ToListAsync<Doc>();
        return kept.Select(d => d.Id).Order();
    }
}
