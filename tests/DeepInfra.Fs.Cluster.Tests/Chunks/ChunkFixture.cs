// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Chunks;
using DeepInfra.Fs.Cluster.Faults;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Chunks;

/// <summary>One chunk target on a temporary directory, which can be reopened.</summary>
internal sealed class ChunkFixture : IDisposable
{
    public const uint ChunkSize = 64 * 1024;

    private readonly TempDirectory _temp = new();
    private readonly DurabilityMode _durability;
    private readonly long? _capacity;
    private ChunkIndex _index;

    public ChunkFixture(long? capacity = null, DurabilityMode durability = DurabilityMode.None)
    {
        _capacity = capacity;
        _durability = durability;
        (_index, Target) = Open();
    }

    public ChunkTarget Target { get; private set; }

    public DiskFault Fault { get; } = new();

    public string DataDirectory => _temp["data"];

    public static ChunkId Id(uint number) => new(0x1001, 0, number);

    public void Reopen()
    {
        Close();
        (_index, Target) = Open();
    }

    public async Task<ChunkRecord?> ApplyAsync(ChunkUpdate update)
    {
        var pending = await Target.PrepareAsync(update);
        return await Target.CommitAsync(pending, Math.Max(1, update.ChainVersion));
    }

    public Task<ChunkRecord?> WriteAsync(
        uint number,
        uint offset,
        byte[] data,
        uint chunkSize = ChunkSize
    ) => ApplyAsync(Write(number, offset, data, chunkSize));

    public Task<ChunkRecord?> ResizeAsync(uint number, uint length, bool extend = false) =>
        ApplyAsync(
            new ChunkUpdate
            {
                Id = Id(number),
                Type = extend ? UpdateType.Extend : UpdateType.Truncate,
                Length = length,
                ChunkSize = ChunkSize,
                ChainVersion = 1,
            }
        );

    public Task<ChunkRecord?> RemoveAsync(uint number) =>
        ApplyAsync(
            new ChunkUpdate
            {
                Id = Id(number),
                Type = UpdateType.Remove,
                ChainVersion = 1,
            }
        );

    public static ChunkUpdate Write(
        uint number,
        uint offset,
        byte[] data,
        uint chunkSize = ChunkSize
    ) =>
        new()
        {
            Id = Id(number),
            Type = UpdateType.Write,
            Offset = offset,
            Length = (uint)data.Length,
            ChunkSize = chunkSize,
            Data = data,
            Checksum = Crc32C.ChunkChecksum(data),
            ChainVersion = 1,
        };

    /// <summary>The bytes of a range, or null when the chunk does not exist.</summary>
    public byte[]? Read(uint number, uint offset = 0, uint length = uint.MaxValue)
    {
        using var lease = Target.Acquire(Id(number));
        if (lease is not { } open)
        {
            return null;
        }
        length = Math.Min(length, ChunkSize * 16);
        var buffer = new byte[ChunkTarget.BufferLength(open.Record, offset, length)];
        var data = Target.Read(open, Id(number), offset, length, buffer, out var checksum);
        checksum.Should().Be(Crc32C.ChunkChecksum(data.Span));
        return data.ToArray();
    }

    public void Dispose()
    {
        Close();
        _temp.Dispose();
    }

    private (ChunkIndex Index, ChunkTarget Target) Open()
    {
        var index = new ChunkIndex(_temp["index"], _durability);
        var space = new SpaceGuard(_temp.Path, _capacity, 0);
        return (
            index,
            new ChunkTarget(7, DataDirectory, 2, index, space, _durability, null, Fault)
        );
    }

    private void Close()
    {
        Target.Dispose();
        _index.Dispose();
    }
}
