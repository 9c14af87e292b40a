// SPDX-License-Identifier: MIT
using System.Diagnostics;
using DeepInfra.Pond.Engine;
using DeepInfra.Pond.Execution;

namespace DeepInfra.Pond.Tests;

/// <summary>What fails says where and why, and leaves nothing that a later run takes for whole.</summary>
public sealed class FailureTests
{
    private static readonly PondSchema s_doc = PondSchema.Create(
        ("id", "BIGINT"),
        ("x", "VARCHAR")
    );

    [Fact]
    public async Task DuckPool_QueryAboveTheMemoryLimit_Spills()
    {
        await using var area = new TestArea();
        using var pool = new DuckPool(area["not/yet/there"], null, 1, 1);
        var duck = pool.Rent(2, 64L << 20);

        duck.Execute("CREATE TABLE t AS SELECT hash(range) AS h FROM range(20000000)", default);

        duck.Scalar("SELECT count(*) FROM t", default).Should().Be(20_000_000);
        Directory.GetFiles(duck.SpillDirectory).Should().NotBeEmpty();
        pool.Discard(duck);
    }

    [Fact]
    public async Task SpillDirectory_OnAnotherVolume_ResultsAreStillCommitted()
    {
        Assert.SkipUnless(Directory.Exists("/dev/shm"), "needs a second volume at /dev/shm");
        await using var area = new TestArea();
        var other = Path.Combine("/dev/shm", "pond-test-" + Guid.NewGuid().ToString("N"));
        try
        {
            var pond = await area.OpenAsync(o => o with { SpillDirectory = other });

            var rows = await pond.FromItems(Enumerable.Range(0, 100))
                .RepartitionByHash(3, "item")
                .OrderBy(4, "item")
                .ToListAsync<int>();

            rows.Should().Equal(Enumerable.Range(0, 100));
            await pond.DisposeAsync();
            Directory.GetFileSystemEntries(other).Should().BeEmpty();
        }
        finally
        {
            Directory.Delete(other, true);
        }
    }

    [Fact]
    public async Task DataRoot_FullVolume_FailsWithTaskAndPathAndResumesWithMoreSpace()
    {
        await using var area = new TestArea();
        using var volume = SmallVolume.Mount(area["volume"], 12 << 20);
        PondOptions Change(PondOptions o) =>
            o with
            {
                DataRoot = Path.Combine(volume.Path, "pond"),
                JobId = "job",
            };
        static PondFrame Rows(PondSession pond) =>
            pond.SqlPerPartition(
                    "select range as i, sha256(range::varchar) as h from range(500000)"
                )
                .RepartitionByHash(4, "i");

        await using (var pond = await area.OpenAsync(Change))
        {
            var act = () => Rows(pond).WriteParquetAsync(area["out"]);

            var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which;
            var full = error.Errors[0].Should().BeOfType<PondStorageException>().Which;
            full.Message.Should().Contain("partition").And.Contain(volume.Path);
            full.Partition.Should().NotBeNull();
            full.TaskKey.Should().NotBeNullOrEmpty();
            full.Path.Should().StartWith(volume.Path);
        }

        Directory.Exists(area["out"]).Should().BeFalse();
        volume.Resize(512 << 20);
        await using (var pond = await area.OpenAsync(Change))
        {
            var written = await Rows(pond).WriteParquetAsync(area["out"]);
            written.Rows.Should().Be(500_000);
            var distinct = await pond.ReadParquet(area["out"])
                .SqlPerPartition("select count(distinct i) as n from {0}")
                .ToListAsync<long>();
            distinct.Should().Equal(500_000);
        }
    }

    [Fact]
    public async Task Output_FullVolume_FailsNamingTheTargetAndLeavesNothing()
    {
        await using var area = new TestArea();
        using var volume = SmallVolume.Mount(area["volume"], 4 << 20);
        var target = Path.Combine(volume.Path, "out");
        var pond = await area.OpenAsync();
        var rows = pond.SqlPerPartition(
            "select range as i, sha256(range::varchar) as h from range(300000)"
        );

        var act = () => rows.WriteParquetAsync(target);

        var error = (await act.Should().ThrowAsync<PondStorageException>()).Which;
        error.Message.Should().Contain(target);
        Directory.GetFileSystemEntries(volume.Path).Should().BeEmpty();
        volume.Resize(256 << 20);
        (await rows.WriteParquetAsync(target)).Rows.Should().Be(300_000);
    }

    [Theory]
    [InlineData("blocker/out")]
    [InlineData("blocker")]
    public async Task Output_PathThroughAFile_IsRefusedNamingIt(string name)
    {
        await using var area = new TestArea();
        area.Write("blocker", "a file");
        var pond = await area.OpenAsync();

        var act = () => pond.FromItems([1, 2]).WriteParquetAsync(area[name]);

        (await act.Should().ThrowAsync<PondStorageException>())
            .Which.Message.Should()
            .Contain(area[name]);
        (await File.ReadAllTextAsync(area["blocker"])).Should().Be("a file");
    }

    [Fact]
    public async Task Write_Append_ToForeignDirectory_IsRefused()
    {
        await using var area = new TestArea();
        area.Write("out/mine.txt", "keep");
        var pond = await area.OpenAsync();

        var act = () => pond.FromItems([1]).WriteParquetAsync(area["out"], WriteMode.Append);

        await act.Should().ThrowAsync<PondStorageException>();
        Directory.GetFiles(area["out"]).Should().Equal(area["out/mine.txt"]);
    }

    [Theory]
    [InlineData("1,a\n2,b,c\n3,d\n", "2")]
    [InlineData("1,a\n2\n3,d\n", "2")]
    [InlineData("1,a\nx,b\n", "2")]
    public async Task ReadCsv_WrongColumns_FailsNamingFileAndLine(string text, string line)
    {
        await using var area = new TestArea();
        area.Write("in/a.csv", "7,ok\n");
        var bad = area.Write("in/b.csv", text);
        var pond = await area.OpenAsync();

        var act = () => pond.ReadCsv(area["in"], s_doc).Where("id > 0").CountAsync();

        var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which;
        error.Message.Should().Contain(bad);
        error.Message.Should().MatchRegex($"(?i)line:? {line}\\b");
    }

    [Fact]
    public async Task ReadJsonLines_BrokenLineAmongManyFiles_NamesTheFile()
    {
        await using var area = new TestArea();
        for (var i = 0; i < 20; i++)
        {
            area.Write($"in/{i:D2}.jsonl", "{\"id\":1,\"x\":\"a\"}\n{\"id\":2,\"x\":\"b\"}\n");
        }

        var bad = area.Write("in/13.jsonl", "{\"id\":1,\"x\":\"a\"}\n{\"id\":2,\"x\":b}\n{}\n");
        var pond = await area.OpenAsync();

        var act = () => pond.ReadJsonLines(area["in"], s_doc).Select("id + 1 as y").CountAsync();

        var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which;
        error.Message.Should().Contain(bad).And.Contain("Malformed");
        error.Errors[0].Should().BeOfType<PondCorruptFileException>().Which.File.Should().Be(bad);
    }

    [Theory]
    [InlineData("csv")]
    [InlineData("jsonl")]
    public async Task Read_ZeroByteTextFile_HasNoRows(string kind)
    {
        await using var area = new TestArea();
        var path = area.Write("empty." + kind, "");
        var pond = await area.OpenAsync();

        var frame = kind == "csv" ? pond.ReadCsv(path, s_doc) : pond.ReadJsonLines(path, s_doc);

        (await frame.CountAsync()).Should().Be(0);
        (await frame.Where("id > 0").ToListAsync()).Should().BeEmpty();
    }

    [Fact]
    public async Task Function_Throws_NamesFunctionTaskAndPartitionAndIsNotRepeated()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var calls = 0;
        var frame = pond.FromItems(Enumerable.Range(0, 40))
            .RepartitionByRows(4)
            .Select(
                row =>
                {
                    if (row.GetInt64("item") != 25)
                    {
                        return row.GetInt64("item");
                    }

                    Interlocked.Increment(ref calls);
                    throw new FormatException("bad twenty-five");
                },
                new PondFunctionOptions { Name = "parse" }
            );

        var act = () => frame.CountAsync();

        var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which;
        var function = error.Errors[0].Should().BeOfType<PondFunctionException>().Which;
        function.Function.Should().Be("parse");
        function.Partition.Should().Be(2);
        function.InnerException.Should().BeOfType<FormatException>();
        function.Message.Should().Contain("parse").And.Contain("partition 2 of 4");
        function.SourceLocation.Should().Contain("FailureTests.cs");
        calls.Should().Be(1);
    }

    [Fact]
    public async Task Where_FunctionThrows_NamesPartition()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var frame = pond.FromItems(Enumerable.Range(0, 10))
            .RepartitionByRows(2)
            .Where(row =>
                row.GetInt64("item") < 7 ? true : throw new InvalidDataException("seven")
            );

        var act = () => frame.WriteParquetAsync(area["out"]);

        var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which;
        error.Errors[0].Partition.Should().Be(1);
        error.Message.Should().Contain("seven");
        Directory.Exists(area["out"]).Should().BeFalse();
    }

    [Theory]
    [InlineData(0, 0, false)]
    [InlineData(3, 3, false)]
    [InlineData(3, 4, true)]
    public async Task TransientError_UpToTheLimit_IsRepeated(int limit, int failures, bool fails)
    {
        await using var area = new TestArea();
        var left = failures;
        var pond = await area.OpenAsync(o =>
            o with
            {
                MaxFailures = limit,
                FaultHook = (point, task) =>
                {
                    if (
                        point == FaultPoint.AfterWrite
                        && task.Contains("partition 1 of", StringComparison.Ordinal)
                        && Interlocked.Decrement(ref left) >= 0
                    )
                    {
                        throw new IOException("the disk had a moment");
                    }
                },
            }
        );
        var rows = pond.FromItems(Enumerable.Range(0, 30))
            .RepartitionByRows(3)
            .Select("item + 1 as y");

        var act = () => rows.WriteParquetAsync(area["out"]);

        if (fails)
        {
            var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which;
            error.Errors[0].Attempt.Should().Be(limit + 1);
            error.Errors[0].Should().BeOfType<PondStorageException>();
            Directory.Exists(area["out"]).Should().BeFalse();
        }
        else
        {
            (await act()).Rows.Should().Be(30);
        }
    }

    [Fact]
    public async Task PermanentError_StopsTheJobAtOnce()
    {
        await using var area = new TestArea();
        var pond = await area.OpenAsync();
        var rows = pond.FromItems(["1", "2", "x"]).Select("item::INTEGER as n");

        var act = () => rows.CountAsync();

        var error = (await act.Should().ThrowAsync<PondJobFailedException>()).Which;
        error.Errors.Should().ContainSingle().Which.Attempt.Should().Be(1);
        error.Message.Should().Contain("'x'");
    }
}

/// <summary>A file system of a few megabytes, for tests that fill it.</summary>
internal sealed class SmallVolume : IDisposable
{
    private SmallVolume(string path) => Path = path;

    public string Path { get; }

    public static SmallVolume Mount(string path, int bytes)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs Linux");
        Directory.CreateDirectory(path);
        Assert.SkipUnless(
            Run("mount", "-t", "tmpfs", "-o", $"size={bytes}", "pond-test", path),
            "needs the right to mount a tmpfs"
        );
        return new SmallVolume(path);
    }

    public void Resize(int bytes) =>
        Run("mount", "-o", $"remount,size={bytes}", Path).Should().BeTrue();

    public void Dispose() => Run("umount", "-l", Path);

    private static bool Run(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(
                new ProcessStartInfo(program, arguments) { RedirectStandardError = true }
            )!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
