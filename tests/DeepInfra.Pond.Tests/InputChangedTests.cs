// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Execution;

namespace DeepInfra.Pond.Tests;

/// <summary>An input that changes between planning and reading stops the action instead of giving mixed rows.</summary>
public sealed class InputChangedTests
{
    [Theory]
    [InlineData("grown")]
    [InlineData("replaced")]
    [InlineData("touched")]
    public async Task ReadJsonLines_ChangedAfterPlanning_FailsNamingTheFile(string change)
    {
        await using var area = new TestArea();
        var path = area.Write("in.jsonl", "{\"a\":1}\n");
        var pond = await area.OpenAsync(o =>
            o with
            {
                FaultHook = Once(() => Change(path, change)),
            }
        );
        var frame = pond.ReadJsonLines(path).Select("a + 1 as b");

        var act = () => frame.WriteParquetAsync(area["out"]);

        var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which;
        error.Errors[0].Should().BeOfType<PondCorruptFileException>().Which.File.Should().Be(path);
        error.Message.Should().Contain("changed since planning");
        Directory.Exists(area["out"]).Should().BeFalse();
        // A new frame looks at the file again.
        var again = await pond.ReadJsonLines(path).Select("a + 1 as b").ToListAsync<long>();
        again
            .Should()
            .Equal(
                change == "replaced" ? [3]
                : change == "grown" ? [2, 8]
                : [2]
            );
    }

    [Theory]
    [InlineData(InputVerification.Never, false)]
    [InlineData(InputVerification.Size, true)]
    public async Task VerifyInputs_TouchedFile_MattersUnlessNever(
        InputVerification mode,
        bool fails
    )
    {
        await using var area = new TestArea();
        var path = area.Write("in.jsonl", "{\"a\":1}\n");
        var pond = await area.OpenAsync(o =>
            o with
            {
                VerifyInputs = mode,
                FaultHook = Once(() => Change(path, "touched")),
            }
        );

        var act = () => pond.ReadJsonLines(path).Select("a + 1 as b").ToListAsync<long>();

        if (fails)
        {
            await act.Should().ThrowAsync<PondJobFailedException>();
        }
        else
        {
            (await act()).Should().Equal(2);
        }
    }

    [Theory]
    [InlineData(InputVerification.Checksum, true)]
    [InlineData(InputVerification.Size, false)]
    public async Task VerifyInputs_OneByteOfAnOutputFlipped_IsFoundByChecksum(
        InputVerification mode,
        bool fails
    )
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync(o => o with { VerifyInputs = mode });
        var plain = new ParquetWriteOptions { Compression = ParquetCompression.Uncompressed };
        // The last character of the longest text is data, wherever the writer puts it.
        var text = new string('x', 1000) + "KEEP";
        await pond.FromItems([text]).WriteParquetAsync(area["out"], options: plain);
        var file = Directory.GetFiles(area["out"], "*.parquet").Single();
        var bytes = await File.ReadAllBytesAsync(file);
        for (int i; (i = bytes.AsSpan().IndexOf("KEEP"u8)) >= 0; )
        {
            bytes[i + 3] = (byte)'Q';
        }

        await File.WriteAllBytesAsync(file, bytes);

        var act = () =>
            pond.ReadParquet(area["out"]).Select("right(item, 4) as s").ToListAsync<string>();

        if (fails)
        {
            var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which;
            error.Message.Should().Contain("checksum").And.Contain(file);
        }
        else
        {
            (await act()).Should().Equal("KEEQ");
        }
    }

    [Theory]
    [InlineData("query", InputVerification.Size)]
    [InlineData("query", InputVerification.Checksum)]
    [InlineData("list", InputVerification.Size)]
    [InlineData("write", InputVerification.Size)]
    public async Task ReadParquet_OutputOverwrittenAfterPlanning_FailsNamingTheFile(
        string action,
        InputVerification mode
    )
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync(o => o with { VerifyInputs = mode });
        var plain = new ParquetWriteOptions { Compression = ParquetCompression.Uncompressed };
        Task<PondWriteResult> WriteAsync(params int[] values) =>
            pond.FromItems(values).WriteParquetAsync(area["out"], WriteMode.Overwrite, plain);
        var first = await WriteAsync(1, 2, 3);
        var frame = pond.ReadParquet(area["out"]);
        (await frame.CountAsync()).Should().Be(3);
        var second = await WriteAsync(4, 5, 6);
        second.Files.Should().Equal(first.Files, "the test needs files of equal names and sizes");

        Func<Task> act = action switch
        {
            "query" => () => frame.Select("item + 1 as b").ToListAsync<long>(),
            "list" => () => frame.ToListAsync<int>(),
            _ => () => frame.WriteParquetAsync(area["copy"]),
        };

        var error = (await act.Should().ThrowAsync<PondException>()).Which;
        var cause = error is PondJobFailedException job ? job.Errors[0] : error;
        cause
            .Should()
            .BeOfType<PondCorruptFileException>()
            .Which.File.Should()
            .StartWith(area["out"]);
        error.Message.Should().Contain("changed since planning");
        // A new frame looks at the output again.
        (await pond.ReadParquet(area["out"]).ToListAsync<int>())
            .Should()
            .Equal(4, 5, 6);
    }

    [Fact]
    public async Task ReadJsonLines_ReplacedWhileItIsRead_FailsNamingTheFile()
    {
        await using var area = new TestArea();
        var path = area.Write("in.jsonl", "{\"a\":1}\n");
        var pond = await area.OpenAsync();
        var left = 1;
        var frame = pond.ReadJsonLines(path)
            .MapBatches(batch =>
            {
                if (Interlocked.Exchange(ref left, 0) == 1)
                {
                    Change(path, "replaced");
                }

                return batch;
            });

        var act = () => frame.ToListAsync<long>();

        var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which;
        error.Errors[0].Should().BeOfType<PondCorruptFileException>().Which.File.Should().Be(path);
        error.Message.Should().Contain("changed since planning");
    }

    [Fact]
    public async Task ReadJsonLines_QuarantinedFileReplaced_NewFrameReadsIt()
    {
        await using var area = new TestArea();
        var path = area.Write("in.jsonl", "{\"a\":1}\n");
        var pond = await area.OpenAsync();
        var options = new JsonReadOptions { BadRows = BadRowPolicy.Quarantine };
        Task<IReadOnlyList<long>> ReadAsync() =>
            pond.ReadJsonLines(path, options: options).ToListAsync<long>();

        var before = await ReadAsync();
        Change(path, "replaced");
        var after = await ReadAsync();

        before.Should().Equal(1);
        after.Should().Equal(2);
    }

    private static void Change(string path, string change)
    {
        switch (change)
        {
            case "grown":
                File.AppendAllText(path, "{\"a\":7}\n");
                break;
            case "replaced":
                File.WriteAllText(path, "{\"a\":2}\n");
                break;
        }

        File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddSeconds(5));
    }

    private static Action<FaultPoint, string> Once(Action change)
    {
        var left = 1;
        return (point, _) =>
        {
            if (point == FaultPoint.BeforeRun && Interlocked.Exchange(ref left, 0) == 1)
            {
                change();
            }
        };
    }
}
