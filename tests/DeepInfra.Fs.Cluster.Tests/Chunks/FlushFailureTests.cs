// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Chunks;

namespace DeepInfra.Fs.Cluster.Tests.Chunks;

/// <summary>
/// A device that fails a flush may have lost everything written before it, and the kernel says so only once.
/// </summary>
public sealed class FlushFailureTests : IDisposable
{
    private readonly ChunkFixture _chunks = new(durability: DurabilityMode.Fsync);

    public void Dispose() => _chunks.Dispose();

    [Fact]
    public async Task Commit_FlushFails_ChunkIsAsBefore()
    {
        await _chunks.WriteAsync(0, 0, Bytes(1, 9_000));
        _chunks.Fault.FailFlushes = true;

        var append = () => _chunks.WriteAsync(0, 9_000, Bytes(2, 100));
        var replace = () => _chunks.WriteAsync(0, 0, Bytes(3, 9_000));

        await RefusedAsync(append);
        await RefusedAsync(replace);
        _chunks.Fault.FailFlushes = false;
        _chunks.Read(0).Should().Equal(Bytes(1, 9_000));
        _chunks.Target.UsedBytes.Should().Be(64 * 1024, "no block is leaked");
        await _chunks.WriteAsync(0, 9_000, Bytes(4, 100));
        _chunks.Read(0, 9_000).Should().Equal(Bytes(4, 100));
    }

    [Fact]
    public async Task Commit_WrittenBeforeAFailedFlush_IsNotAcknowledged()
    {
        // Two blocks of one file: the fixture deals blocks over two files.
        await _chunks.WriteAsync(1, 0, Bytes(1, 100));
        var first = await _chunks.Target.PrepareAsync(ChunkFixture.Write(0, 0, Bytes(2, 9_000)));
        await _chunks.WriteAsync(2, 0, Bytes(3, 100));
        var second = await _chunks.Target.PrepareAsync(ChunkFixture.Write(3, 0, Bytes(4, 9_000)));
        first.Block!.Address.Index.Should().Be(second.Block!.Address.Index - 2);
        _chunks.Fault.FailFlushes = true;
        await RefusedAsync(async () => await _chunks.Target.CommitAsync(first, 1));
        _chunks.Fault.FailFlushes = false;

        var commit = async () => await _chunks.Target.CommitAsync(second, 1);

        await RefusedAsync(commit);
        _chunks.Read(3).Should().BeNull();
        await _chunks.WriteAsync(3, 0, Bytes(5, 9_000));
        _chunks.Reopen();
        _chunks.Read(3).Should().Equal(Bytes(5, 9_000));
        _chunks.Read(1).Should().Equal(Bytes(1, 100));
        _chunks.Read(2).Should().Equal(Bytes(3, 100));
    }

    [Fact]
    public async Task Commit_OtherFileInTheSameBatch_Succeeds()
    {
        var pending = new List<PendingUpdate>();
        for (var i = 0u; i < 8; i++)
        {
            pending.Add(
                await _chunks.Target.PrepareAsync(ChunkFixture.Write(i, 0, Bytes((int)i, 100)))
            );
        }
        _chunks.Fault.FailFlushes = true;
        await RefusedAsync(async () => await _chunks.Target.CommitAsync(pending[0], 1));
        _chunks.Fault.FailFlushes = false;

        foreach (var update in pending.Skip(1))
        {
            var commit = async () => await _chunks.Target.CommitAsync(update, 1);
            if (update.Block!.Address.Index % 2 == 0)
            {
                await RefusedAsync(commit);
            }
            else
            {
                await commit.Should().NotThrowAsync();
            }
        }
    }

    private static async Task RefusedAsync(Func<Task> commit) =>
        (await commit.Should().ThrowAsync<ChunkStoreException>())
            .WithMessage("*.dat*")
            .Which.Code.Should()
            .Be(StatusCode.StorageChunkWriteFailed);

    private static byte[] Bytes(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
