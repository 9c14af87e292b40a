// SPDX-License-Identifier: MIT
using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace DeepInfra.Pond.Tests;

/// <summary>Errors in text files name the file as the user knows it and the line in it.</summary>
public sealed class BadRowTests
{
    private static readonly PondSchema s_columns = PondSchema.Create(
        ("id", "BIGINT"),
        ("x", "VARCHAR")
    );

    public static TheoryData<string, string, int> Rows()
    {
        var data = new TheoryData<string, string, int>();
        foreach (var line in new[] { 1, 2, 7_000, 150_000 })
        {
            data.Add("jsonl", "{\"id\": 5, \"x\": \"a\"", line);
            data.Add("jsonl", "{\"id\": \"many\", \"x\": \"a\"}", line);
            data.Add("csv", "many,x", line);
            data.Add("csv", "5,x,y", line);
        }

        data.Add("jsonl", "{\"id\": 5, x}", 77);
        data.Add("csv", "5", 77);
        data.Add("csv", "5,\"never closed", 77);
        return data;
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task Read_OneBadRow_NamesFileAndLine(string kind, string bad, int line)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        area.Write($"in/a.{kind}", Lines(kind, 10));
        var path = area.Write($"in/b.{kind}", Lines(kind, line + 5_000, line, bad));
        var rows =
            kind == "csv"
                ? pond.ReadCsv(area["in"], s_columns)
                : pond.ReadJsonLines(area["in"], s_columns);

        var act = () => rows.Where("id > 0 or x = 'q'").CountAsync();

        var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which.Errors[0];
        var file = error.Should().BeOfType<PondCorruptFileException>().Which;
        file.File.Should().Be(path);
        file.Line.Should().Be(line);
        file.Message.Should().Contain($"{path}, line {line},").And.NotContain("rows.txt");
    }

    [Fact]
    public async Task ReadCsv_HeaderAndLineFeedsInQuotes_CountsLinesOfTheFile()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var path = area.Write(
            "a.csv",
            "id,x\n1,\"two\n\"\"lines\"\"\"\n2,5\" disk\nthree,z\n4,y\n"
        );

        var act = () =>
            pond.ReadCsv(path, s_columns, new CsvReadOptions { Header = true })
                .Where("id > 0")
                .CountAsync();

        var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which.Errors[0];
        error.Should().BeOfType<PondCorruptFileException>().Which.Line.Should().Be(5);
        error.Message.Should().Contain("three");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ReadJsonLines_CompressedFile_NamesTheLine(bool schema)
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var path = WriteGzip(area["a.jsonl.gz"], Lines("jsonl", 3000, 1234, "{\"id\": 1, "));

        var act = () =>
            pond.ReadJsonLines(path, schema ? s_columns : null).Where("id > 0").CountAsync();

        var error = (await act.Should().ThrowAsync<PondException>()).Which;
        var bad = error is PondJobFailedException job ? job.Errors[0] : (PondTaskException)error;
        var file = bad.Should().BeOfType<PondCorruptFileException>().Which;
        file.File.Should().Be(path);
        file.Line.Should().Be(1234);
    }

    [Theory]
    [InlineData("jsonl", true)]
    [InlineData("csv", true)]
    [InlineData("jsonl", false)]
    [InlineData("csv", false)]
    public async Task Read_StagedFile_NamesItsOwnPath(string kind, bool task)
    {
        await using var area = new TestArea();
        var remote = new FakeFileSystem(area["remote"]);
        var pond = await area.OpenAsync(o =>
            o with
            {
                Mounts = new Dictionary<string, Fs.IFileSystem> { ["3fs"] = remote },
            }
        );
        area.Write($"remote/corpus/a.{kind}", Lines(kind, 10));
        area.Write($"remote/corpus/b's.{kind}", Lines(kind, 500, 321, "{many,"));
        var pattern = $"3fs://corpus/*.{kind}";
        var rows =
            kind == "csv"
                ? pond.ReadCsv(pattern, s_columns)
                : pond.ReadJsonLines(pattern, s_columns);

        // Rows of a plain source are read without a task.
        var act = () => (task ? rows.Where("id > 0") : rows).ToListAsync();

        var error = (await act.Should().ThrowAsync<PondException>()).Which;
        var bad = error is PondJobFailedException job ? job.Errors[0] : (PondTaskException)error;
        var file = bad.Should().BeOfType<PondCorruptFileException>().Which;
        file.File.Should().Be($"3fs://corpus/b's.{kind}");
        file.Line.Should().Be(321);
        file.Message.Should()
            .Contain($"3fs://corpus/b's.{kind}, line 321,")
            .And.NotContain(area.DataRoot);
    }

    [Fact]
    public async Task ReadJsonLines_WrongTypeAfterQuarantinedLines_CountsThem()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var path = area.Write(
            "a.jsonl",
            "oops\n\n{\"id\": 1, \"x\": \"a\"}\n{\"id\": \"many\", \"x\": \"b\"}\n"
        );

        var act = () =>
            pond.ReadJsonLines(
                    path,
                    s_columns,
                    new JsonReadOptions { BadRows = BadRowPolicy.Quarantine }
                )
                .Where("id > 0")
                .CountAsync();

        var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which.Errors[0];
        error.Should().BeOfType<PondCorruptFileException>().Which.Line.Should().Be(4);
    }

    private static string WriteGzip(string path, string text)
    {
        using var stream = new GZipStream(File.Create(path), CompressionLevel.Fastest);
        stream.Write(Encoding.UTF8.GetBytes(text));
        return path;
    }

    private static string Lines(string kind, int count, int badLine = 0, string bad = "")
    {
        var text = new StringBuilder();
        for (var i = 1; i <= count; i++)
        {
            if (i == badLine)
            {
                text.Append(bad);
            }
            else if (kind == "csv")
            {
                text.Append(CultureInfo.InvariantCulture, $"{i},row of number {i}");
            }
            else
            {
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"{{\"id\": {i}, \"x\": \"row of number {i}\"}}"
                );
            }

            text.Append('\n');
        }

        return text.ToString();
    }
}
