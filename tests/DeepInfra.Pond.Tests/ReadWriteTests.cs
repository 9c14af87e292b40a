// SPDX-License-Identifier: MIT
using System.IO.Compression;
using System.Text;

namespace DeepInfra.Pond.Tests;

public sealed class ReadWriteTests
{
    private static readonly PondSchema s_doc = PondSchema.Create(
        ("id", "BIGINT"),
        ("text", "VARCHAR")
    );

    private static string Json(int from, int count) =>
        string.Concat(
            Enumerable
                .Range(from, count)
                .Select(i => $"{{\"id\": {i}, \"text\": \"document {i}\"}}\n")
        );

    private static void WriteGzip(string path, string text)
    {
        using var stream = new GZipStream(File.Create(path), CompressionLevel.Fastest);
        stream.Write(Encoding.UTF8.GetBytes(text));
    }

    [Theory]
    [InlineData("plain.jsonl")]
    [InlineData("it's [a] {0} #ö *?.jsonl")]
    public async Task ReadJsonLines_AnyFileName_ReadsRows(string name)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var path = area.Write(name, Json(0, 5));

        var ids = await pond.ReadJsonLines(path, s_doc).Select("id").ToListAsync<long>();

        ids.Order().Should().Equal(0, 1, 2, 3, 4);
    }

    [Fact]
    public async Task ReadJsonLines_GzipPattern_DetectsColumnsAndCounts()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        WriteGzip(area["a-0.jsonl.gz"], Json(0, 10));
        WriteGzip(area["a-1.jsonl.gz"], Json(10, 7));
        WriteGzip(area["b-1.jsonl.gz"], Json(100, 7));

        var frame = pond.ReadJsonLines(area["a-[0-9].jsonl.gz"]);

        (await frame.GetSchemaAsync()).Should().Equal(s_doc);
        (await frame.CountAsync()).Should().Be(17);
        (await frame.RepartitionByFiles(2).Where("id >= 10").CountAsync()).Should().Be(7);
    }

    [Fact]
    public async Task ReadJsonLines_MalformedLine_FailsNamingTheFile()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var path = area.Write("bad.jsonl", Json(0, 3) + "{\"id\": 3, \"text\": \n" + Json(4, 3));

        var act = () => pond.ReadJsonLines([path], s_doc).Where("id >= 0").CountAsync();

        var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which;
        error.Errors[0].Should().BeOfType<PondCorruptFileException>();
        error.Message.Should().Contain(path);
    }

    [Fact]
    public async Task ReadJsonLines_Quarantine_KeepsGoodLinesAndReportsBadOnes()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var path = area.Write(
            "bad.jsonl",
            Json(0, 3) + "{\"id\": 3, \"text\": \n" + "[1]\n\n" + Json(4, 3).TrimEnd('\n')
        );

        var ids = await pond.ReadJsonLines(
                path,
                s_doc,
                new JsonReadOptions { BadRows = BadRowPolicy.Quarantine }
            )
            .Select("id")
            .ToListAsync<long>();

        ids.Order().Should().Equal(0, 1, 2, 4, 5, 6);
        var bad = Directory.GetFiles(Path.Combine(pond.JobDirectory, "quarantine")).Single();
        var lines = await File.ReadAllLinesAsync(bad);
        lines.Should().HaveCount(2);
        lines[0].Should().Contain("\"line\":4").And.Contain("bad.jsonl");
        lines[1].Should().Contain("\"line\":5");
    }

    [Fact]
    public async Task ReadJsonLines_MoreBadLinesThanAllowed_FailsWithLine()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var path = area.Write("bad.jsonl", Json(0, 3) + "x\ny\n");

        var act = () =>
            pond.ReadJsonLines(
                    path,
                    s_doc,
                    new JsonReadOptions { BadRows = BadRowPolicy.Quarantine, MaxBadRows = 1 }
                )
                .CountAsync();

        var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which;
        error.Message.Should().Contain("bad.jsonl").And.Contain("line 5");
    }

    [Theory]
    [InlineData(BadRowPolicy.Fail)]
    [InlineData(BadRowPolicy.Quarantine)]
    public async Task ReadJsonLines_TruncatedGzip_FailsNamingTheFile(BadRowPolicy policy)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        WriteGzip(area["good.jsonl.gz"], Json(0, 100));
        var random = new Random(1);
        var noisy = string.Concat(
            Enumerable
                .Range(0, 4000)
                .Select(i => $"{{\"id\": {i}, \"text\": \"{random.NextInt64():x}\"}}\n")
        );
        WriteGzip(area["whole.gz"], noisy);
        var bytes = await File.ReadAllBytesAsync(area["whole.gz"]);
        await File.WriteAllBytesAsync(area["cut.jsonl.gz"], bytes[..(bytes.Length / 2)]);

        var act = () =>
            pond.ReadJsonLines(area["*.jsonl.gz"], s_doc, new JsonReadOptions { BadRows = policy })
                .Where("id >= 0")
                .CountAsync();

        var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which;
        error.Message.Should().Contain("cut.jsonl.gz");
    }

    [Fact]
    public async Task ReadCsv_DelimiterHeaderQuotesAndNulls_AreHonoured()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var path = area.Write("a.csv", "id;text\n1;\"a;b\"\n2;\\N\n");

        var rows = await pond.ReadCsv(
                path,
                s_doc,
                new CsvReadOptions
                {
                    Delimiter = ";",
                    Header = true,
                    NullText = "\\N",
                }
            )
            .ToListAsync();

        rows[0].GetString("text").Should().Be("a;b");
        rows[1].IsNull("text").Should().BeTrue();
    }

    [Fact]
    public async Task ReadCsv_BadNumber_FailsNamingTheFile()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var path = area.Write("a.csv", "1,x\ntwo,y\n");

        var act = () => pond.ReadCsv(path, s_doc).Where("id > 0").CountAsync();

        var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which;
        error.Message.Should().Contain("a.csv").And.Contain("two");
    }

    [Fact]
    public async Task Read_NoMatch_FailsBeforeAnyWorkNamingThePattern()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var act = () => pond.ReadParquet(area["none/*.parquet"]).CountAsync();

        await act.Should().ThrowAsync<PondPlanException>().WithMessage("*none/?.parquet*");
        var empty = pond.ReadJsonLines(
            area["none.jsonl"],
            s_doc,
            new JsonReadOptions { AllowMissing = true }
        );
        (await empty.Where("id > 0").CountAsync()).Should().Be(0);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(600)]
    public async Task ReadParquet_TruncatedFile_FailsNamingTheFile(int length)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        await pond.FromItems(Enumerable.Range(0, 10_000))
            .RepartitionByRows(2)
            .WriteParquetAsync(area["out"]);
        var file = Path.Combine(area["out"], "part-00001-000.parquet");
        var bytes = await File.ReadAllBytesAsync(file);
        await File.WriteAllBytesAsync(file, bytes[..Math.Min(length, bytes.Length)]);

        var act = () => pond.ReadParquet(area["out/*.parquet"]).Where("item > 5").CountAsync();

        var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which;
        error.Errors[0].Should().BeOfType<PondCorruptFileException>();
        error.Message.Should().Contain(file);
    }

    [Fact]
    public async Task ReadParquet_FlippedByteWithChecksums_FailsNamingTheFile()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync(o => o with { VerifyInputs = InputVerification.Checksum });
        await pond.FromItems(Enumerable.Range(0, 10_000)).WriteParquetAsync(area["out"]);
        var file = Path.Combine(area["out"], "part-00000-000.parquet");
        var bytes = await File.ReadAllBytesAsync(file);
        bytes[bytes.Length / 2] ^= 0x10;
        await File.WriteAllBytesAsync(file, bytes);

        var act = () => pond.ReadParquet(area["out"]).Select("item + 1 as x").CountAsync();

        var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which;
        error.Message.Should().Contain(file).And.Contain("checksum");
    }

    [Fact]
    public async Task ReadParquet_FileDeletedMeanwhile_FailsNamingTheFile()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        await pond.FromItems(Enumerable.Range(0, 10)).WriteParquetAsync(area["out"]);
        var frame = pond.ReadParquet(area["out"]);
        await frame.GetSchemaAsync();
        File.Delete(Path.Combine(area["out"], "part-00000-000.parquet"));

        var act = () => frame.Where("item > 1").CountAsync();

        var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which;
        error.Message.Should().Contain("part-00000-000.parquet").And.Contain("missing");
    }

    [Fact]
    public async Task ReadParquet_ColumnsAndUnionByName_SelectsAndWidens()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        await pond.SqlPerPartition("select 1::INTEGER as a, 'x' as b")
            .WriteParquetAsync(area["in/1"]);
        await pond.SqlPerPartition("select 2::BIGINT as a, 3.5 as c")
            .WriteParquetAsync(area["in/2"]);

        var rows = await pond.ReadParquet(
                area["in/**/*.parquet"],
                new ParquetReadOptions { Columns = ["b", "a"], UnionByName = true }
            )
            .SqlPerPartition("select * from {0} order by a")
            .ToListAsync();

        rows.Select(r => r.GetInt64("a")).Should().Equal(1, 2);
        rows[0].GetName(0).Should().Be("b");
        rows[1].IsNull("b").Should().BeTrue();
    }

    [Fact]
    public async Task WriteParquet_SeveralPartitions_WritesFilesAndManifestAndNothingElse()
    {
        await using var area = new TestArea();
        string job;
        await using (var pond = await area.OpenAsync())
        {
            job = pond.JobDirectory;
            var result = await pond.FromItems(Enumerable.Range(0, 100))
                .RepartitionByRows(3)
                .Select("item, item * 2 as twice")
                .WriteParquetAsync(area["out"]);

            result.Rows.Should().Be(100);
            result.Files.Select(f => f.Rows).Should().Equal(34, 33, 33);
            (await pond.ReadParquet(area["out"]).CountAsync()).Should().Be(100);
        }

        Directory
            .GetFileSystemEntries(area["out"])
            .Select(Path.GetFileName)
            .Should()
            .BeEquivalentTo(
                "_manifest.json",
                "part-00000-000.parquet",
                "part-00001-000.parquet",
                "part-00002-000.parquet"
            );
        Directory.Exists(job).Should().BeFalse();
        Directory
            .GetFileSystemEntries(area.Root)
            .Select(Path.GetFileName)
            .Should()
            .BeEquivalentTo("out", "pond");
        Directory.GetFileSystemEntries(area.DataRoot).Should().BeEmpty();
    }

    [Fact]
    public async Task WriteParquet_EmptyPartitions_DropsEmptyFilesButKeepsOne()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var items = pond.FromItems(Enumerable.Range(0, 10)).RepartitionByRows(4);

        var some = await items.Where("item > 8").WriteParquetAsync(area["some"]);
        var none = await items.Where("item > 80").WriteParquetAsync(area["none"]);

        some.Files.Should().ContainSingle();
        none.Files.Should().ContainSingle();
        none.Rows.Should().Be(0);
        (await pond.ReadParquet(area["none"]).GetSchemaAsync())!.Single().Name.Should().Be("item");
    }

    [Fact]
    public async Task Write_TargetNotEmpty_IsRefusedBeforeAnyWork()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        area.Write("out/other.txt", "x");

        var act = () => pond.FromItems([1]).WriteParquetAsync(area["out"]);

        (await act.Should().ThrowAsync<PondStorageException>())
            .Which.Message.Should()
            .Contain(area["out"]);
        pond.GetStages().Should().BeEmpty();
    }

    [Fact]
    public async Task Write_Overwrite_ReplacesTheOldOutput()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        await pond.FromItems(Enumerable.Range(0, 10))
            .RepartitionByRows(5)
            .WriteParquetAsync(area["out"]);

        await pond.FromItems([42]).WriteParquetAsync(area["out"], WriteMode.Overwrite);

        (await pond.ReadParquet(area["out/*.parquet"]).ToListAsync<int>()).Should().Equal(42);
        Directory.GetFileSystemEntries(area.Root).Should().HaveCount(2);
    }

    [Fact]
    public async Task Write_Append_AddsFilesOnceAndChecksColumns()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        await pond.FromItems([1]).WriteParquetAsync(area["out"], WriteMode.Append);
        await pond.FromItems([2]).WriteParquetAsync(area["out"], WriteMode.Append);
        var again = await pond.FromItems([2]).WriteParquetAsync(area["out"], WriteMode.Append);

        again.Reused.Should().BeTrue();
        (await pond.ReadParquet(area["out"]).ToListAsync<int>()).Order().Should().Equal(1, 2);
        var act = () => pond.FromItems(["x"]).WriteParquetAsync(area["out"], WriteMode.Append);
        await act.Should().ThrowAsync<PondSchemaException>();
    }

    [Theory]
    [InlineData(TextCompression.None)]
    [InlineData(TextCompression.Gzip)]
    [InlineData(TextCompression.Zstd)]
    public async Task WriteJsonLinesAndCsv_RoundTrip_ReturnsSameRows(TextCompression compression)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var items = pond.FromItems(Enumerable.Range(0, 100))
            .Select("item as id, 'a \"quoted\", text' as text");

        await items.WriteJsonLinesAsync(area["json"], compression: compression);
        await items.WriteCsvAsync(area["csv"], compression: compression);

        (await pond.ReadJsonLines(area["json"], s_doc).CountAsync()).Should().Be(100);
        var csv = pond.ReadCsv(area["csv"], s_doc, new CsvReadOptions { Header = true });
        (await csv.Where("text = 'a \"quoted\", text'").CountAsync()).Should().Be(100);
    }

    [Fact]
    public async Task MountedFileSystem_ReadAndWrite_GoThroughIt()
    {
        await using var area = new TestArea();
        var remote = new FakeFileSystem(area["remote"]);
        var pond = await area.OpenAsync(o =>
            o with
            {
                Mounts = new Dictionary<string, Fs.IFileSystem> { ["3fs"] = remote },
            }
        );
        Directory.CreateDirectory(area["remote/corpus"]);
        WriteGzip(area["remote/corpus/a.jsonl.gz"], Json(0, 50));
        WriteGzip(area["remote/corpus/b.jsonl.gz"], Json(50, 50));

        var result = await pond.ReadJsonLines("3fs://corpus/*.jsonl.gz")
            .RepartitionByFiles(2)
            .Where("id % 2 = 0")
            .WriteParquetAsync("3fs://out/even");

        result.Rows.Should().Be(50);
        result.Path.Should().Be("3fs://out/even");
        remote.Renames.Should().Be(1);
        Directory.GetFiles(area["remote/out/even"]).Should().HaveCount(3);
        (
            await pond.ReadParquet("3fs://out/even")
                .Select("sum(id)::BIGINT as s")
                .ToListAsync<long>()
        )
            .Should()
            .Equal(Enumerable.Range(0, 50).Sum(i => 2L * i));
        (await pond.ReadParquet("3fs://out/even").CountAsync()).Should().Be(50);
    }

    [Fact]
    public async Task MountedFileSystem_UploadFails_LeavesNoOutput()
    {
        await using var area = new TestArea();
        var remote = new FakeFileSystem(area["remote"])
        {
            Before = (operation, path) =>
            {
                if (
                    operation == "create"
                    && path.EndsWith("part-00001-000.parquet", StringComparison.Ordinal)
                )
                {
                    throw new IOException("no space left");
                }
            },
        };
        var pond = await area.OpenAsync(o =>
            o with
            {
                Mounts = new Dictionary<string, Fs.IFileSystem> { ["3fs"] = remote },
            }
        );
        var frame = pond.FromItems(Enumerable.Range(0, 10)).RepartitionByRows(2).Where("item >= 0");

        var act = () => frame.WriteParquetAsync("3fs://out");

        (await act.Should().ThrowAsync<PondStorageException>())
            .Which.Message.Should()
            .Contain("3fs://out");
        Directory.GetFileSystemEntries(area["remote"]).Should().BeEmpty();
        remote.Before = null;
        (await frame.WriteParquetAsync("3fs://out")).Rows.Should().Be(10);
    }

    [Theory]
    [InlineData("s3://bucket/x.parquet", "httpfs")]
    [InlineData("foo://x.parquet", "Mounts")]
    public async Task Read_UnknownScheme_IsRefusedWithAdvice(string path, string advice)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();

        var act = () => pond.ReadParquet(path).CountAsync();

        await act.Should().ThrowAsync<PondPlanException>().WithMessage($"*{advice}*");
    }
}
