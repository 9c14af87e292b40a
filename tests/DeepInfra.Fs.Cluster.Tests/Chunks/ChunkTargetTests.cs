// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Chunks;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Chunks;

public sealed class ChunkTargetTests
{
    [Fact]
    public async Task Write_NewChunk_ReadsBackWithVersionOne()
    {
        using var fixture = new ChunkFixture();
        var data = Bytes(1, 5000);

        var record = await fixture.WriteAsync(0, 0, data);

        record!.CommitVersion.Should().Be(1);
        record.MessageChecksum.Should().Be(Crc32C.ChunkChecksum(data));
        fixture.Read(0).Should().Equal(data);
    }

    [Fact]
    public async Task Write_BehindTheEnd_FillsTheGapWithZeros()
    {
        using var fixture = new ChunkFixture();
        var data = Bytes(2, 50);

        await fixture.WriteAsync(0, 100, data);
        await fixture.WriteAsync(0, 9000, data);

        var expected = new byte[9050];
        data.CopyTo(expected, 100);
        data.CopyTo(expected, 9000);
        fixture.Read(0).Should().Equal(expected);
    }

    [Fact]
    public async Task Truncate_ThenAppend_ShowsZerosNotOldBytes()
    {
        using var fixture = new ChunkFixture();
        await fixture.WriteAsync(0, 0, Bytes(3, 20_000));

        await fixture.ResizeAsync(0, 5_001);
        await fixture.ResizeAsync(0, 9_000);

        var read = fixture.Read(0)!;
        read.Should().HaveCount(9_000);
        read[..5_001].Should().Equal(Bytes(3, 20_000)[..5_001]);
        read[5_001..].Should().OnlyContain(b => b == 0);
    }

    [Fact]
    public async Task Extend_LongerChunk_KeepsTheLength()
    {
        using var fixture = new ChunkFixture();
        await fixture.WriteAsync(0, 0, Bytes(4, 700));

        var record = await fixture.ResizeAsync(0, 300, extend: true);

        record!.Length.Should().Be(700);
        record.CommitVersion.Should().Be(2);
        fixture.Read(0).Should().Equal(Bytes(4, 700));
    }

    [Fact]
    public async Task Write_OfNothing_NeverMakesTheChunkLonger()
    {
        using var fixture = new ChunkFixture();

        var created = await fixture.WriteAsync(0, 500, []);
        await fixture.WriteAsync(0, 0, Bytes(5, 10));
        var again = await fixture.WriteAsync(0, 900, []);

        created!.Length.Should().Be(0);
        again!.Length.Should().Be(10);
    }

    [Theory]
    [InlineData(257)]
    [InlineData(16 << 20)]
    public async Task AnyCall_IdOfTheSizeOfAMessage_IsRefused(int length)
    {
        using var fixture = new ChunkFixture();
        var id = new ChunkId(new byte[length]);
        var longest = new ChunkId(Bytes(1, 256));

        var read = () => fixture.Target.Acquire(id);
        var write = () => fixture.ApplyAsync(ChunkFixture.Write(0, 0, [1]) with { Id = id });
        await fixture.ApplyAsync(ChunkFixture.Write(0, 0, [1]) with { Id = longest });

        read.Should().Throw<ChunkStoreException>().Which.Code.Should().Be(StatusCode.InvalidArg);
        (await write.Should().ThrowAsync<ChunkStoreException>())
            .Which.Code.Should()
            .Be(StatusCode.InvalidArg);
        fixture.Target.Find(longest)!.Length.Should().Be(1);
    }

    [Fact]
    public async Task Remove_Chunk_FreesItsBlock()
    {
        using var fixture = new ChunkFixture();
        await fixture.WriteAsync(0, 0, Bytes(6, 100));
        var used = fixture.Target.UsedBytes;

        await fixture.RemoveAsync(0);
        await fixture.RemoveAsync(0);

        used.Should().Be(64 * 1024);
        fixture.Target.UsedBytes.Should().Be(0);
        fixture.Read(0).Should().BeNull();
    }

    [Fact]
    public async Task Read_DuringOverwrite_SeesTheStateItStartedWith()
    {
        using var fixture = new ChunkFixture();
        var before = Bytes(7, 8_192);
        await fixture.WriteAsync(0, 0, before);
        var lease = fixture.Target.Acquire(ChunkFixture.Id(0))!.Value;

        for (var i = 0; i < 10; i++)
        {
            await fixture.WriteAsync(0, 0, Bytes(100 + i, 8_192));
            await fixture.WriteAsync((uint)i + 1, 0, Bytes(200 + i, 8_192));
        }

        var buffer = new byte[8_192];
        fixture.Target.Read(lease, ChunkFixture.Id(0), 0, 8_192, buffer, out _);
        lease.Dispose();
        buffer.Should().Equal(before);
        fixture.Read(0).Should().Equal(Bytes(109, 8_192));
    }

    [Fact]
    public async Task Write_WrongChecksum_IsRefusedAndLeavesTheChunk()
    {
        using var fixture = new ChunkFixture();
        await fixture.WriteAsync(0, 0, Bytes(8, 100));

        var bad = () =>
            fixture.ApplyAsync(ChunkFixture.Write(0, 50, Bytes(9, 100)) with { Checksum = 1 });

        (await bad.Should().ThrowAsync<ChunkStoreException>())
            .Which.Code.Should()
            .Be(StatusCode.StorageChecksumMismatch);
        fixture.Read(0).Should().Equal(Bytes(8, 100));
        fixture.Target.UsedBytes.Should().Be(64 * 1024);
    }

    [Theory]
    [InlineData(nameof(UpdateType.Extend), 65_536u, 65_536)]
    [InlineData(nameof(UpdateType.Truncate), 65_536u, 65_536)]
    [InlineData(nameof(UpdateType.Truncate), 10_000u, 1)]
    [InlineData(nameof(UpdateType.Write), 100u, 99)]
    [InlineData(nameof(UpdateType.Write), 0u, 99)]
    public async Task Update_DataThatDoesNotFitTheType_IsRefusedAndTouchesNoNeighbour(
        string type,
        uint length,
        int data
    )
    {
        using var fixture = new ChunkFixture();
        for (var i = 0u; i < 4; i++)
        {
            await fixture.WriteAsync(i, 0, Bytes((int)i, 20_000));
        }

        var bad = () =>
            fixture.ApplyAsync(
                ChunkFixture.Write(0, 0, Bytes(9, data)) with
                {
                    Type = Enum.Parse<UpdateType>(type),
                    Length = length,
                    Checksum = null,
                }
            );

        (await bad.Should().ThrowAsync<ChunkStoreException>())
            .Which.Code.Should()
            .Be(StatusCode.InvalidArg);
        for (var i = 0u; i < 4; i++)
        {
            fixture.Read(i).Should().Equal(Bytes((int)i, 20_000));
        }
    }

    [Theory]
    [InlineData(1u, StatusCode.StorageChunkCommittedUpdate)]
    [InlineData(2u, StatusCode.StorageChunkCommittedUpdate)]
    [InlineData(4u, StatusCode.StorageChunkMissingUpdate)]
    public async Task Write_ForwardedVersionThatDoesNotFollow_IsRefused(
        uint version,
        StatusCode code
    )
    {
        using var fixture = new ChunkFixture();
        await fixture.WriteAsync(0, 0, Bytes(1, 10));
        await fixture.WriteAsync(0, 0, Bytes(2, 10));

        var bad = () =>
            fixture.ApplyAsync(ChunkFixture.Write(0, 0, Bytes(3, 10)) with { Version = version });

        (await bad.Should().ThrowAsync<ChunkStoreException>()).Which.Code.Should().Be(code);
    }

    [Fact]
    public async Task Write_Syncing_ReplacesWhateverIsThere()
    {
        using var fixture = new ChunkFixture();
        await fixture.WriteAsync(0, 0, Bytes(1, 5_000));

        var record = await fixture.ApplyAsync(
            ChunkFixture.Write(0, 0, Bytes(2, 300)) with
            {
                Version = 40,
                IsSyncing = true,
            }
        );

        record!.CommitVersion.Should().Be(40);
        fixture.Read(0).Should().Equal(Bytes(2, 300));
    }

    [Fact]
    public async Task Write_OtherChunkSizeOrOlderChain_IsRefused()
    {
        using var fixture = new ChunkFixture();
        await fixture.ApplyAsync(ChunkFixture.Write(0, 0, Bytes(1, 10)) with { ChainVersion = 5 });

        var size = () => fixture.WriteAsync(0, 0, Bytes(1, 10), 128 * 1024);
        var chain = () => fixture.WriteAsync(0, 0, Bytes(1, 10));
        var beyond = () => fixture.WriteAsync(1, ChunkFixture.ChunkSize - 5, Bytes(1, 10));
        var odd = () => fixture.WriteAsync(1, 0, Bytes(1, 10), 1000);

        (await size.Should().ThrowAsync<ChunkStoreException>())
            .Which.Code.Should()
            .Be(StatusCode.StorageChunkSizeMismatch);
        (await chain.Should().ThrowAsync<ChunkStoreException>())
            .Which.Code.Should()
            .Be(StatusCode.StorageChainVersionMismatch);
        (await beyond.Should().ThrowAsync<ChunkStoreException>())
            .Which.Code.Should()
            .Be(StatusCode.InvalidArg);
        (await odd.Should().ThrowAsync<ChunkStoreException>())
            .Which.Code.Should()
            .Be(StatusCode.StorageChunkInvalidChunkSize);
    }

    [Theory]
    [InlineData(0u, 65_536u)]
    [InlineData(40_960u, 4_096u)]
    [InlineData(41_000u, 17u)]
    public async Task Read_CorruptedPage_NamesTheChunk(uint offset, uint length)
    {
        using var fixture = new ChunkFixture();
        await fixture.WriteAsync(3, 0, Bytes(1, 65_536));
        var file = Directory.EnumerateFiles(fixture.DataDirectory).Single();
        using (var stream = Open(file))
        {
            stream.Position = 41_001;
            stream.WriteByte(0xAA);
            stream.Position = 41_002;
            stream.WriteByte(0x55);
        }

        var read = () => fixture.Read(3, offset, length);

        read.Should()
            .Throw<ChunkStoreException>()
            .WithMessage($"chunk {ChunkFixture.Id(3)} of target 7 is corrupted*40960..45056*")
            .Which.Code.Should()
            .Be(StatusCode.StorageChecksumMismatch);
        fixture.Read(3, 0, 40_960).Should().Equal(Bytes(1, 65_536)[..40_960]);
        fixture.Target.Verify(default).Damaged.Should().ContainSingle();
    }

    [Fact]
    public async Task Read_DataFileCutOff_IsDetected()
    {
        using var fixture = new ChunkFixture();
        await fixture.WriteAsync(0, 0, Bytes(1, 20_000));
        using (var stream = Open(Directory.EnumerateFiles(fixture.DataDirectory).Single()))
        {
            stream.SetLength(9_000);
        }

        var read = () => fixture.Read(0);

        read.Should()
            .Throw<ChunkStoreException>()
            .Which.Code.Should()
            .Be(StatusCode.StorageChecksumMismatch);
        fixture.Read(0, 0, 8_192).Should().Equal(Bytes(1, 20_000)[..8_192]);
    }

    [Fact]
    public async Task Write_IntoCorruptedChunk_DoesNotLaunderTheDamage()
    {
        using var fixture = new ChunkFixture();
        await fixture.WriteAsync(0, 0, Bytes(1, 20_000));
        var file = Directory.EnumerateFiles(fixture.DataDirectory).Single();
        using (var stream = Open(file))
        {
            stream.Position = 15_000;
            stream.Write(new byte[16]);
        }

        var write = () => fixture.WriteAsync(0, 10, Bytes(2, 100));

        (await write.Should().ThrowAsync<ChunkStoreException>())
            .Which.Code.Should()
            .Be(StatusCode.StorageChecksumMismatch);
        // Replacing all of it heals the chunk.
        await fixture.WriteAsync(0, 0, Bytes(3, 20_000));
        fixture.Read(0).Should().Equal(Bytes(3, 20_000));
    }

    [Fact]
    public async Task Write_QuotaFull_FailsAndKeepsEverything()
    {
        using var fixture = new ChunkFixture(capacity: 256 * 1024);
        for (var i = 0u; i < 3; i++)
        {
            await fixture.WriteAsync(i, 0, Bytes((int)i, 60_000));
        }
        await fixture.WriteAsync(3, 0, Bytes(3, 60_000));

        var fifth = () => fixture.WriteAsync(4, 0, Bytes(4, 60_000));
        var overwrite = () => fixture.WriteAsync(0, 0, Bytes(5, 60_000));

        foreach (var write in new[] { fifth, overwrite })
        {
            (await write.Should().ThrowAsync<ChunkStoreException>())
                .Which.Code.Should()
                .Be(StatusCode.StorageClientNoSpace);
        }
        for (var i = 0u; i < 4; i++)
        {
            fixture.Read(i).Should().Equal(Bytes((int)i, 60_000));
        }
        await fixture.RemoveAsync(2);
        await fixture.WriteAsync(4, 0, Bytes(4, 60_000));
        fixture.Read(4).Should().Equal(Bytes(4, 60_000));
    }

    private static FileStream Open(string path) =>
        new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);

    private static byte[] Bytes(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
