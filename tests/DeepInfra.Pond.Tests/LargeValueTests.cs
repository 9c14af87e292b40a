// SPDX-License-Identifier: MIT
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Types;
using DeepInfra.Pond.Execution;
using DeepInfra.Pond.Rows;

namespace DeepInfra.Pond.Tests;

/// <summary>Values of a gibibyte, and what cannot hold them.</summary>
public sealed class LargeValueTests
{
    private const int Gibibyte = 1 << 30;
    private const string Pattern = "0123456789abcdef";

    /// <summary>A gibibyte in which the last byte differs.</summary>
    private static readonly string s_sql =
        $"select repeat('{Pattern}', {(Gibibyte / 16) - 1}) || '0123456789abcdeX' as s";

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Gibibyte_ThroughParquetAndShuffle_ArrivesToTheByte()
    {
        await using var area = new TestArea();
        var pond = await OpenAsync(area);

        var written = await pond.SqlPerPartition(s_sql).WriteParquetAsync(area["in"]);
        written.Rows.Should().Be(1);
        var input = pond.ReadParquet(area["in"]);
        var shuffled = input.RepartitionByHash(2, "s").Select("s::BLOB as b");
        CheckBytes((await shuffled.ToListAsync()).Single().GetBytes("b")!);

        // One character per byte is more than a string can have.
        var row = (await input.ToListAsync()).Single();
        Func<object?>[] reads = [() => row.GetString("s"), () => row["s"], () => row[0]];
        foreach (var read in reads)
        {
            read.Should().Throw<PondDataException>().WithMessage("*1073741824*1073741791*BLOB*");
        }
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Gibibyte_FromArrowThroughAFunction_ArrivesToTheByte()
    {
        await using var area = new TestArea();
        var pond = await OpenAsync(area);
        var bytes = GC.AllocateUninitializedArray<byte>(Gibibyte);
        for (var i = 0; i < Gibibyte; i += 16)
        {
            Encoding.ASCII.GetBytes(Pattern, bytes.AsSpan(i));
        }

        bytes[^1] = (byte)'X';
        var offsets = new ArrowBuffer.Builder<int>().Append(0).Append(Gibibyte).Build();
        var text = new StringArray(1, offsets, new ArrowBuffer(bytes), ArrowBuffer.Empty);
        var schema = new Schema([new Field("s", StringType.Default, true)], null);

        var rows = await pond.FromArrow(new RecordBatch(schema, [text], 1))
            .MapBatches(batch =>
            {
                CheckBytes(((StringArray)batch.Column(0)).GetBytes(0));
                return batch;
            })
            .SqlPerPartition("select strlen(s) as n, right(s, 16) as last from {0}")
            .ToListAsync();

        rows.Single().GetInt64("n").Should().Be(Gibibyte);
        rows.Single().GetString("last").Should().Be("0123456789abcdeX");
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Gibibyte_InAJsonLine_IsReadOrRefusedWithTheReason()
    {
        await using var area = new TestArea();
        var pond = await OpenAsync(area);
        var path = area["in.jsonl"];
        WriteJson(path);
        var columns = PondSchema.Create(("s", "VARCHAR"));
        var large = new JsonReadOptions { MaxObjectBytes = Gibibyte + 4096 };

        var rows = await pond.ReadJsonLines(path, columns, large)
            .SqlPerPartition("select strlen(s) as n, right(s, 3) as last from {0}")
            .ToListAsync();
        rows.Select(r => r.GetInt64("n")).Should().Equal(Gibibyte, 1);
        rows[0].GetString("last").Should().Be("abX");

        var error = (
            await pond.ReadJsonLines(path, columns)
                .Awaiting(f => f.CountAsync())
                .Should()
                .ThrowAsync<PondException>()
        ).Which;
        error.Message.Should().Contain("in.jsonl").And.Contain("16777216");
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Gibibyte_InAJsonLineWithQuarantine_PassesTheFilter()
    {
        await using var area = new TestArea();
        var pond = await OpenAsync(area);
        var path = area["in.jsonl"];
        WriteJson(path);
        var large = new JsonReadOptions { MaxObjectBytes = Gibibyte + 4096 };

        var clean = JsonLineFilter.Run(
            pond.Runtime,
            path,
            "in.jsonl",
            large,
            area["clean.jsonl"],
            CancellationToken.None
        );

        Storage.TaskStore.Checksum(clean).Should().Be(Storage.TaskStore.Checksum(path));
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task JsonText_ThatNeedsMoreThanTheMemory_IsRefusedWithTheReason()
    {
        await using var area = new TestArea();
        var pond = await OpenAsync(area);

        // The writer sets six bytes aside for each one.
        var error = (
            await pond.SqlPerPartition(s_sql)
                .Awaiting(f => f.WriteJsonLinesAsync(area["out"]))
                .Should()
                .ThrowAsync<PondJobFailedException>()
        ).Which;

        error.InnerException.Should().BeOfType<PondOutOfMemoryException>();
        error.Message.Should().Contain("MemoryBudget");
        Directory.Exists(area["out"]).Should().BeFalse();
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task RecordBatch_OfMoreThanTwoGibibytes_IsRefusedWithTheReason()
    {
        await using var area = new TestArea();
        var pond = await OpenAsync(area);

        // Three rows of one vector, each of which would fit.
        var error = (
            await pond.SqlPerPartition("select repeat('x', 800 << 20) as s from range(3)")
                .MapBatches(batch => batch)
                .Awaiting(f => f.CountAsync())
                .Should()
                .ThrowAsync<PondJobFailedException>()
        ).Which;

        error.InnerException.Should().BeOfType<PondDataException>();
        error.Message.Should().Contain("record batch").And.Contain("2 GiB");
    }

    [Fact]
    public void RowEncoder_LargeValues_EndsBatchesEarly()
    {
        var encoder = new RowEncoder<byte[]>();
        var value = new byte[20 << 20];
        var rows = new List<int>();
        for (var i = 0; i < 10; i++)
        {
            encoder.Append(value);
            if (encoder.IsLarge)
            {
                using var batch = encoder.Build();
                rows.Add(batch.Length);
            }
        }

        rows.Should().Equal(4, 4);
        encoder.Rows.Should().Be(2);
        encoder.IsLarge.Should().BeFalse();
    }

    [Theory]
    [InlineData("{\"a\": \"\\ud83d\\ude00 \\n é\", \"b\\u0041\": 1}", true)]
    [InlineData("{\"a\": \"\\ud83d\"}", false)]
    [InlineData("{\"\\udc00\": 1}", false)]
    [InlineData("{\"a\": \"\\x\"}", false)]
    public async Task JsonLineFilter_EscapesInText_AreChecked(string line, bool good)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var path = area.Write("in.jsonl", line + "\n");

        Filter(pond, area, path).Should().Be(good ? line + "\n" : "\n");
    }

    [Theory]
    [InlineData("{\"a\": \"?\"}")]
    [InlineData("{\"a\": \"\\n?\"}")]
    [InlineData("{\"?\": 1}")]
    public async Task JsonLineFilter_TextThatIsNotUtf8_IsBad(string line)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var bytes = Encoding.ASCII.GetBytes(line + "\n{\"a\": 2}\n");
        bytes[System.Array.IndexOf(bytes, (byte)'?')] = 0xC3;
        File.WriteAllBytes(area["in.jsonl"], bytes);

        Filter(pond, area, area["in.jsonl"]).Should().Be("\n{\"a\": 2}\n");
    }

    private static string Filter(PondSession pond, TestArea area, string path) =>
        File.ReadAllText(
            JsonLineFilter.Run(
                pond.Runtime,
                path,
                "in.jsonl",
                new JsonReadOptions(),
                area["clean.jsonl"],
                CancellationToken.None
            )
        );

    private static Task<PondSession> OpenAsync(TestArea area) =>
        area.OpenAsync(o => o with { Cores = 1, MemoryBudget = 6L << 30, MaxFailures = 0 });

    private static void CheckBytes(ReadOnlySpan<byte> bytes)
    {
        bytes.Length.Should().Be(Gibibyte);
        var piece = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(Pattern, 1 << 16)));
        for (var i = 0; i < Gibibyte; i += piece.Length)
        {
            if (i + piece.Length == Gibibyte)
            {
                piece[^1] = (byte)'X';
            }

            bytes.Slice(i, piece.Length).SequenceEqual(piece).Should().BeTrue();
        }
    }

    /// <summary>A line with a text of a gibibyte, which has an escape, and a short one.</summary>
    private static void WriteJson(string path)
    {
        using var file = File.Create(path);
        var piece = Encoding.ASCII.GetBytes(new string('a', 1 << 20));
        file.Write("{\"s\": \"\\u0061"u8);
        for (var i = 0; i < 1023; i++)
        {
            file.Write(piece);
        }

        file.Write(piece.AsSpan(4));
        file.Write("abX\"}\n{\"s\": \"b\"}\n"u8);
    }
}
