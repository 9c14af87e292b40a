// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.Fs;
using DeepInfra.Fs.Cluster;

namespace DeepInfra.Benchmarks.Fs;

/// <summary>The client against an embedded cluster in the same process, over loopback TCP.</summary>
[MemoryDiagnoser]
public class EmbeddedClusterBenchmarks
{
    private const int FileBytes = 64 << 20;
    private const int MiB = 1 << 20;

    private readonly Random _random = new(1);
    private string _directory = "";
    private ThreeFsCluster _cluster = null!;
    private ThreeFsClient _client = null!;
    private ThreeFsFile _file = null!;
    private byte[] _buffer = [];
    private List<FileRead> _batch = [];
    private int _next;

    /// <summary>What an acknowledged write survives.</summary>
    [Params(DurabilityMode.None, DurabilityMode.Fsync)]
    public DurabilityMode Durability { get; set; }

    [GlobalSetup]
    public async Task Setup()
    {
        _directory = Directory.CreateTempSubdirectory("fs-bench-").FullName;
        _cluster = await ThreeFsCluster.StartAsync(
            new ThreeFsClusterOptions
            {
                DataDirectory = Path.Combine(_directory, "data"),
                ChunkSize = MiB,
                Durability = Durability,
            }
        );
        _client = await _cluster.ConnectAsync();
        _file = await _client.OpenAsync("/f", FileMode.CreateNew, FileAccess.ReadWrite);
        _buffer = new byte[FileBytes];
        _random.NextBytes(_buffer);
        await _file.WriteAsync(_buffer, 0);
    }

    [GlobalCleanup]
    public async Task Cleanup()
    {
        await _file.DisposeAsync();
        await _client.DisposeAsync();
        await _cluster.DisposeAsync();
        Directory.Delete(_directory, true);
    }

    /// <summary>64 MiB in one call.</summary>
    [Benchmark]
    public async Task WriteSequential() => await _file.WriteAsync(_buffer, 0);

    /// <summary>64 MiB in one call.</summary>
    [Benchmark]
    public async Task<int> ReadSequential() => await _file.ReadAsync(_buffer, 0);

    [IterationSetup(Target = nameof(ReadSmallBatch))]
    public void SetupBatch() =>
        _batch = [
            .. Enumerable
                .Range(0, 128)
                .Select(i => new FileRead(
                    _random.Next(FileBytes / 4096) * 4096L,
                    _buffer.AsMemory(i * 4096, 4096)
                )),
        ];

    /// <summary>128 random reads of 4 KiB in one batch.</summary>
    [Benchmark]
    public async Task ReadSmallBatch() => await _file.ReadBatchAsync(_batch);

    /// <summary>Creates an empty file, closes it and removes it.</summary>
    [Benchmark]
    public async Task CreateAndDelete()
    {
        var path = $"/{_next++}";
        await using (await _client.OpenAsync(path, FileMode.CreateNew, FileAccess.Write)) { }
        await _client.DeleteAsync(path);
    }

    /// <summary>Asks for the attributes of a file.</summary>
    [Benchmark]
    public async Task<long> Stat() => (await _client.GetInfoAsync("/f")).Length;
}
