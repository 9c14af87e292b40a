// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster.Tests.Client;

public sealed class ClientFileTests : IAsyncLifetime
{
    private ClientFixture _fs = null!;

    public async ValueTask InitializeAsync() => _fs = await ClientFixture.StartAsync();

    public ValueTask DisposeAsync() => _fs.DisposeAsync();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(65_535)]
    [InlineData(65_536)]
    [InlineData(65_537)]
    [InlineData(1_000_000)]
    [InlineData(9_000_001)]
    public async Task WriteThenRead_AnyLength_GivesTheSameBytes(int length)
    {
        var content = ClientFixture.Bytes(length, length);

        await _fs.WriteFileAsync("/f", content);
        var read = await _fs.ReadFileAsync("/f");

        read.AsSpan().SequenceEqual(content).Should().BeTrue();
        (await _fs.Client.GetInfoAsync("/f")).Length.Should().Be(length);
    }

    [Theory]
    [InlineData(24_000)]
    [InlineData(65_535)]
    [InlineData(65_537)]
    [InlineData(1_000)]
    public async Task WriteThenRead_RequestsThatDoNotDivideAChunk_GivesTheSameBytes(int bytes)
    {
        await using var client = await _fs.Cluster.ConnectAsync(o =>
            o with
            {
                MaximumIoBytes = bytes,
                MaximumBatchBytes = bytes,
            }
        );
        var content = ClientFixture.Bytes(bytes, 200_001);

        await using (var file = await client.OpenAsync("/f", FileMode.Create, FileAccess.ReadWrite))
        {
            await file.WriteAsync(content.AsMemory(30_000), 30_000);
            await file.WriteAsync(content.AsMemory(0, 30_000), 0);
        }

        (await _fs.ReadFileAsync("/f")).AsSpan().SequenceEqual(content).Should().BeTrue();
    }

    [Fact]
    public async Task RandomOperations_AgainstModel_Agree()
    {
        var random = new Random(7);
        var model = Array.Empty<byte>();
        await using var file = await _fs.Client.OpenAsync(
            "/f",
            FileMode.CreateNew,
            FileAccess.ReadWrite
        );
        for (var i = 0; i < 400; i++)
        {
            var offset = random.Next(400_000);
            switch (random.Next(10))
            {
                case < 4:
                    var data = ClientFixture.Bytes(i, random.Next(1, 100_000));
                    await file.WriteAsync(data, offset);
                    Array.Resize(ref model, Math.Max(model.Length, offset + data.Length));
                    data.CopyTo(model, offset);
                    break;
                case 4:
                    Array.Resize(ref model, offset);
                    await file.SetLengthAsync(offset);
                    break;
                case 5:
                    await file.FlushAsync();
                    break;
                default:
                    var buffer = new byte[random.Next(1, 150_000)];
                    var count = await file.ReadAsync(buffer, offset);
                    var wanted = Math.Clamp(model.Length - offset, 0, buffer.Length);
                    count.Should().Be(wanted, "operation {0}", i);
                    buffer
                        .AsSpan(0, count)
                        .SequenceEqual(model.AsSpan(Math.Min(offset, model.Length), count))
                        .Should()
                        .BeTrue("operation {0}", i);
                    break;
            }
        }
        (await file.GetLengthAsync()).Should().Be(model.Length);
    }

    /// <summary>Sizes from one byte to 16 MiB, small ones far more often, at any offset.</summary>
    [Fact]
    [Trait("Category", "Slow")]
    public async Task HundredThousandRandomOperations_AgainstModel_Agree()
    {
        const int Most = 20 << 20;
        var random = new Random(42);
        var model = new byte[Most];
        var length = 0;
        var data = ClientFixture.Bytes(42, 32 << 20);
        var buffer = new byte[16 << 20];
        await using var file = await _fs.Client.OpenAsync(
            "/f",
            FileMode.CreateNew,
            FileAccess.ReadWrite
        );
        for (var i = 0; i < 100_000; i++)
        {
            var largest = random.Next(500) == 0 ? 24 : 13;
            var size = (int)Math.Pow(2, random.NextDouble() * largest);
            var offset = random.Next(Most - size);
            if (random.Next(1000) == 0)
            {
                await file.SetLengthAsync(offset);
                model.AsSpan(Math.Min(length, offset)).Clear();
                length = offset;
            }
            else if (random.Next(2) == 0)
            {
                var bytes = data.AsMemory(random.Next(data.Length - size), size);
                await file.WriteAsync(bytes, offset);
                bytes.CopyTo(model.AsMemory(offset));
                length = Math.Max(length, offset + size);
            }
            else
            {
                var count = await file.ReadAsync(buffer.AsMemory(0, size), offset);
                var wanted = Math.Clamp(length - offset, 0, size);
                if (
                    count != wanted
                    || !buffer.AsSpan(0, count).SequenceEqual(model.AsSpan(offset, wanted))
                )
                {
                    throw new InvalidOperationException(
                        $"operation {i}: {count} of {wanted} bytes at {offset}"
                    );
                }
            }
        }

        (await file.GetLengthAsync()).Should().Be(length);
        (await _fs.Cluster.VerifyChunksAsync()).Damaged.Should().BeEmpty();
    }

    [Fact]
    public async Task SetLength_WhileAnotherWrites_LeavesLengthAndBytesOfSomeOrder()
    {
        await using var other = await _fs.Cluster.ConnectAsync();
        await using var writer = await _fs.Client.OpenAsync(
            "/f",
            FileMode.CreateNew,
            FileAccess.ReadWrite
        );
        await using var cutter = await other.OpenAsync("/f", FileMode.Open, FileAccess.ReadWrite);
        var block = new byte[50_000];
        block.AsSpan().Fill(7);

        var writing = Task.Run(async () =>
        {
            for (var i = 0; i < 60; i++)
            {
                await writer.WriteAsync(block, i % 6 * block.Length);
                if (i % 10 == 0)
                {
                    await writer.FlushAsync();
                }
            }
        });
        for (var i = 0; !writing.IsCompleted; i++)
        {
            await cutter.SetLengthAsync(i % 3 * 70_000);
        }
        await writing;
        await writer.WriteAsync(block, 0);
        await writer.FsyncAsync();

        var length = (await _fs.Client.GetInfoAsync("/f")).Length;
        length.Should().BeInRange(block.Length, 6 * block.Length);
        var found = await _fs.ReadFileAsync("/f");
        found.Should().HaveCount((int)length);
        found.AsSpan(0, block.Length).IndexOfAnyExcept((byte)7).Should().Be(-1);
        found.AsSpan().IndexOfAnyExcept((byte)0, (byte)7).Should().Be(-1);
        (await _fs.Cluster.VerifyChunksAsync()).Damaged.Should().BeEmpty();
    }

    [Fact]
    public async Task ReadBatch_ManySmallRanges_ReadsEach()
    {
        var content = ClientFixture.Bytes(3, 3_000_000);
        await _fs.WriteFileAsync("/f", content);
        await using var file = await _fs.Client.OpenAsync("/f", FileMode.Open, FileAccess.Read);
        var random = new Random(3);
        var reads = Enumerable
            .Range(0, 500)
            .Select(_ => new FileRead(random.Next(content.Length), new byte[random.Next(1, 9_000)]))
            .ToList();

        await file.ReadBatchAsync(reads);

        foreach (var read in reads)
        {
            var wanted = Math.Min(read.Buffer.Length, content.Length - (int)read.Offset);
            read.BytesRead.Should().Be(wanted);
            read.Buffer.Span[..wanted]
                .SequenceEqual(content.AsSpan((int)read.Offset, wanted))
                .Should()
                .BeTrue();
        }
    }

    [Fact]
    public async Task Open_Modes_BehaveAsInSystemIO()
    {
        await _fs.WriteFileAsync("/f", new byte[100]);

        var createNew = () => OpenAsync("/f", FileMode.CreateNew);
        await createNew.Should().ThrowAsync<IOException>();
        var missing = () => OpenAsync("/none", FileMode.Open);
        await missing.Should().ThrowAsync<FileNotFoundException>();
        (await OpenAsync("/f", FileMode.OpenOrCreate)).Should().Be(100);
        (await OpenAsync("/f", FileMode.Create)).Should().Be(0);
        (await OpenAsync("/g", FileMode.OpenOrCreate)).Should().Be(0);
    }

    [Fact]
    public async Task Append_ThroughStream_AddsToTheEnd()
    {
        for (var i = 0; i < 3; i++)
        {
            await using var file = await _fs.Client.OpenAsync(
                "/log",
                FileMode.Append,
                FileAccess.Write
            );
            await using var stream = file.AsStream();
            await stream.WriteAsync(ClientFixture.Bytes(i, 70_000));
        }

        var read = await _fs.ReadFileAsync("/log");

        var expected = Enumerable.Range(0, 3).SelectMany(i => ClientFixture.Bytes(i, 70_000));
        read.Should().Equal(expected);
    }

    [Fact]
    public async Task Write_AfterAnotherClientCutTheFile_DoesNotBringTheOldLengthBack()
    {
        await using var fs = await ClientFixture.StartAsync();
        await using var other = await fs.Cluster.ConnectAsync();
        await using var file = await fs.Client.OpenAsync(
            "/f",
            FileMode.CreateNew,
            FileAccess.ReadWrite
        );
        await file.WriteAsync(ClientFixture.Bytes(1, 1000), 0);
        await file.FlushAsync();
        await using (var cut = await other.OpenAsync("/f", FileMode.Open, FileAccess.Write))
        {
            await cut.SetLengthAsync(10);
        }

        var seen = await file.GetLengthAsync();
        await file.WriteAsync(new byte[10], 20);
        await file.FlushAsync();

        seen.Should().Be(10);
        (await other.GetInfoAsync("/f")).Length.Should().Be(30);
    }

    [Fact]
    public async Task TwoWriters_DisjointRanges_BothSeeAll()
    {
        await using var one = await _fs.Client.OpenAsync(
            "/f",
            FileMode.Create,
            FileAccess.ReadWrite
        );
        await using var other = await _fs.Cluster.ConnectAsync();
        await using var two = await other.OpenAsync("/f", FileMode.Open, FileAccess.ReadWrite);

        await Task.WhenAll(WriteStripesAsync(one, 0), WriteStripesAsync(two, 1));
        await one.FsyncAsync();
        await two.FsyncAsync();

        var read = await _fs.ReadFileAsync("/f");
        read.Should().HaveCount(40 * 10_000);
        for (var i = 0; i < 40; i++)
        {
            read.AsSpan(i * 10_000, 10_000).IndexOfAnyExcept((byte)(i + 1)).Should().Be(-1);
        }
    }

    [Fact]
    public async Task Restart_OfTheCluster_KeepsFiles()
    {
        var content = ClientFixture.Bytes(5, 700_000);
        await _fs.WriteFileAsync("/f", content);
        await _fs.Client.CreateDirectoryAsync("/a/b");
        await _fs.WriteFileAsync("/a/b/g", content[..1000]);

        await _fs.RestartAsync();

        (await _fs.ReadFileAsync("/f")).Should().Equal(content);
        (await _fs.ReadFileAsync("/a/b/g")).Should().Equal(content[..1000]);
    }

    [Fact]
    public async Task Read_CorruptedChunk_FailsWithTheChunkInTheMessage()
    {
        await _fs.WriteFileAsync("/f", ClientFixture.Bytes(6, 65_536));
        foreach (
            var path in Directory.EnumerateFiles(
                _fs.Directory,
                "*.dat",
                SearchOption.AllDirectories
            )
        )
        {
            using var stream = new FileStream(
                path,
                FileMode.Open,
                FileAccess.Write,
                FileShare.ReadWrite
            );
            stream.Position = 30_000;
            stream.Write(new byte[64]);
        }

        var read = () => _fs.ReadFileAsync("/f");

        var thrown = await read.Should().ThrowAsync<Exception>();
        thrown
            .Which.Should()
            .Match<Exception>(e => HasCode(e, StatusCode.StorageClientChecksumMismatch));
        thrown.Which.ToString().Should().Contain("corrupted");
    }

    private static bool HasCode(Exception? e, StatusCode code) =>
        e is not null
        && ((e is ThreeFsException fs && fs.StatusCode == code) || HasCode(e.InnerException, code));

    private static async Task WriteStripesAsync(ThreeFsFile file, int first)
    {
        for (var i = first; i < 40; i += 2)
        {
            var data = new byte[10_000];
            data.AsSpan().Fill((byte)(i + 1));
            await file.WriteAsync(data, i * 10_000);
        }
    }

    private async Task<long> OpenAsync(string path, FileMode mode)
    {
        await using var file = await _fs.Client.OpenAsync(path, mode, FileAccess.ReadWrite);
        return await file.GetLengthAsync();
    }
}
