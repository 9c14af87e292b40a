// SPDX-License-Identifier: MIT
using System.IO.Compression;
using System.Text;
using DeepInfra.Pond;
using DeepInfra.Testing;
using EndToEnd;
using EndToEnd.Etl;

namespace DeepInfra.EndToEnd.Tests;

/// <summary>The text flow of the demo on each kind of input, and on input that needs each of its steps.</summary>
public sealed class TextFlowTests : IDisposable
{
    private const int Documents = SampleText.EnoughDocuments;

    private readonly TempDirectory _input = new();

    public void Dispose() => _input.Dispose();

    [Fact]
    public async Task Run_DuplicatesOfBothKinds_RemovesAndCountsThem()
    {
        var texts = SampleText.Take(Documents).ToList<string?>();
        var (first, second) = (texts[0]!, texts[1]!);
        texts.AddRange([
            // The same but for letters' case or white space, and once unchanged.
            first.ToUpperInvariant(),
            "  " + first.Replace(". ", ".\n", StringComparison.Ordinal),
            first,
            // One word changed: a near duplicate.
            second[..^20] + " otherwise.",
            "Too short.",
            new string('7', 900),
            null,
        ]);
        File.WriteAllText(_input.Combine("a.jsonl"), SampleText.Lines(texts) + "{\"id\":7}\n");

        var run = await RunAsync(_input.Path);

        var counts = run.Facts.Funnel.Select(f => f.Documents);
        // Upper case is no prose, so it goes before the step that would have found it.
        counts
            .Should()
            .Equal(
                Documents + 6,
                Documents + 5,
                Documents + 3,
                Documents + 1,
                Documents,
                Documents
            );
    }

    [Theory]
    [InlineData("jsonl.gz")]
    [InlineData("parquet")]
    public async Task Run_PackedKindsOfFile_KeepsEveryDocument(string kind)
    {
        var texts = SampleText.Take(Documents);
        switch (kind)
        {
            case "jsonl.gz":
                await using (
                    var stream = new GZipStream(
                        File.Create(_input.Combine("a.jsonl.gz")),
                        CompressionLevel.Fastest
                    )
                )
                    await stream.WriteAsync(Encoding.UTF8.GetBytes(SampleText.Lines(texts)));
                break;
            default:
                await WriteParquetAsync(texts);
                break;
        }

        var run = await RunAsync(_input.Path);

        run.Facts.Funnel[^1].Documents.Should().Be(Documents);
    }

    [Fact]
    public async Task Run_PlainText_CutsItIntoDocumentsWithoutLosingAny()
    {
        var texts = SampleText.Take(Documents);
        File.WriteAllText(_input.Combine("a.txt"), string.Join("\n", texts.Take(100)));
        File.WriteAllText(_input.Combine("b.txt"), string.Join("\n", texts.Skip(100)));

        var run = await RunAsync(_input.Path);

        run.Facts.Funnel[0].Documents.Should().BeGreaterThan(100);
        var bytes = texts.Sum(t => Encoding.UTF8.GetByteCount(t));
        // Only blanks where the text is cut.
        run.Facts.Funnel[0].Bytes.Should().BeInRange(bytes - 2000, bytes + 2);
    }

    [Fact]
    public async Task Run_SecondInput_ReplacesTheFirst()
    {
        var texts = SampleText.Take(Documents + 40);
        File.WriteAllText(_input.Combine("a.jsonl"), SampleText.Lines(texts));
        await using var cluster = await DemoCluster.StartAsync();
        await RunAsync(cluster, _input.Path);
        File.Delete(_input.Combine("a.jsonl"));
        File.WriteAllText(_input.Combine("b.jsonl"), SampleText.Lines(texts.Take(Documents)));

        var run = await RunAsync(cluster, _input.Path);

        run.Facts.Funnel[0].Documents.Should().Be(Documents);
        (await cluster.ListAsync(RawText.Folder)).Should().Equal("raw/b.jsonl");
    }

    [Theory]
    [InlineData("")]
    [InlineData("   \n \n")]
    [InlineData("short")]
    public void Documents_ShortText_IsOneOrNone(string text) =>
        RawText
            .Documents(text)
            .Should()
            .Equal(text.Trim().Length == 0 ? Array.Empty<string>() : [text]);

    [Fact]
    public void Documents_NoPlaceToCut_NeverSplitsACharacter()
    {
        var text = "x" + string.Concat(Enumerable.Repeat("🐳", 20_000));

        var documents = RawText.Documents(text).ToList();

        string.Concat(documents).Should().Be(text);
        documents.Count.Should().BeGreaterThan(2);
        documents.Select(d => char.IsHighSurrogate(d[^1])).Should().NotContain(true);
    }

    private async Task WriteParquetAsync(IReadOnlyList<string> texts)
    {
        using var work = new TempDirectory();
        await using var pond = await PondSession.CreateAsync(
            new PondOptions { DataRoot = work.Combine("pond") }
        );
        await pond.FromItems(texts.Select(t => new Row(t)))
            .Select("Text AS text")
            .WriteParquetAsync(work.Combine("out"));
        foreach (var file in Directory.EnumerateFiles(work.Combine("out"), "*.parquet"))
            File.Move(file, _input.Combine(Path.GetFileName(file)));
    }

    private static async Task<RunContext> RunAsync(string input)
    {
        await using var cluster = await DemoCluster.StartAsync();
        return await RunAsync(cluster, input);
    }

    private static async Task<RunContext> RunAsync(DemoCluster cluster, string input)
    {
        var (run, meters) = cluster.NewRun(input);
        using (meters)
            await new EtlFlow(run, run.Options.Model).RunAsync();
        run.Verdicts.All.Should().HaveCount(3).And.OnlyContain(v => v.Passed);
        cluster.Scratch.Should().BeEmpty();
        return run;
    }

    private sealed record Row(string Text);
}
