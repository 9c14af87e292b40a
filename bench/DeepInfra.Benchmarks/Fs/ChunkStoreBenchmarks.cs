// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using BenchmarkDotNet.Attributes;
using DeepInfra.Fs.Cluster;
using DeepInfra.Fs.Cluster.Chunks;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Benchmarks.Fs;

/// <summary>The chunk store alone, without network: one target, chunks of 1 MiB.</summary>
[MemoryDiagnoser]
[SuppressMessage("Design", "CA1001", Justification = "The benchmark runner calls Cleanup.")]
public class ChunkStoreBenchmarks
{
    private const uint ChunkSize = 1 << 20;
    private const uint Chunks = 64;

    private readonly Random _random = new(1);
    private string _directory = "";
    private ChunkIndex _index = null!;
    private ChunkTarget _target = null!;
    private byte[] _data = [];
    private byte[] _buffer = [];
    private uint _next;

    /// <summary>What an update survives when it is done.</summary>
    [Params(DurabilityMode.None, DurabilityMode.Fsync)]
    public DurabilityMode Durability { get; set; }

    /// <summary>Bytes per operation.</summary>
    [Params(4096, 1 << 20)]
    public int Bytes { get; set; }

    [GlobalSetup]
    public async Task Setup()
    {
        _directory = Directory.CreateTempSubdirectory("fs-bench-").FullName;
        _index = new ChunkIndex(Path.Combine(_directory, "index"), Durability);
        _target = new ChunkTarget(
            1,
            Path.Combine(_directory, "data"),
            4,
            _index,
            new SpaceGuard(_directory, null, 0),
            Durability
        );
        _data = new byte[Bytes];
        _buffer = new byte[ChunkSize];
        _random.NextBytes(_data);
        var whole = new byte[ChunkSize];
        _random.NextBytes(whole);
        for (var i = 0u; i < Chunks; i++)
        {
            await UpdateAsync(i, 0, whole);
        }
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _target.Dispose();
        _index.Dispose();
        Directory.Delete(_directory, true);
    }

    /// <summary>Replaces bytes at a random aligned place: a whole chunk is copied when they are fewer.</summary>
    [Benchmark]
    public Task<ChunkRecordSummary> Overwrite() =>
        UpdateAsync(
            (uint)_random.Next((int)Chunks),
            (uint)_random.Next((int)ChunkSize / Bytes) * (uint)Bytes,
            _data
        );

    /// <summary>Writes a chunk that did not exist and removes the one before it.</summary>
    [Benchmark]
    public async Task<ChunkRecordSummary> CreateAndRemove()
    {
        var result = await UpdateAsync(Chunks + _next + 1, 0, _data);
        var pending = await _target.PrepareAsync(
            new ChunkUpdate
            {
                Id = Id(Chunks + _next++),
                Type = UpdateType.Remove,
                ChainVersion = 1,
            }
        );
        await _target.CommitAsync(pending, 1);
        return result;
    }

    /// <summary>Reads and verifies at a random aligned place, from the page cache.</summary>
    [Benchmark]
    public int Read()
    {
        var id = Id((uint)_random.Next((int)Chunks));
        using var lease = _target.Acquire(id)!.Value;
        var offset = (uint)_random.Next((int)ChunkSize / Bytes) * (uint)Bytes;
        return _target.Read(lease, id, offset, (uint)Bytes, _buffer, out _).Length;
    }

    private static ChunkId Id(uint number) => new(0x1001, 0, number);

    private async Task<ChunkRecordSummary> UpdateAsync(uint number, uint offset, byte[] data)
    {
        var pending = await _target.PrepareAsync(
            new ChunkUpdate
            {
                Id = Id(number),
                Type = UpdateType.Write,
                Offset = offset,
                Length = (uint)data.Length,
                ChunkSize = ChunkSize,
                Data = data,
                ChainVersion = 1,
            }
        );
        var record = await _target.CommitAsync(pending, 1);
        return new ChunkRecordSummary(record!.CommitVersion, record.Length);
    }

    /// <summary>What an update returns, so that it is not optimised away.</summary>
    public readonly record struct ChunkRecordSummary(uint Version, uint Length);
}
