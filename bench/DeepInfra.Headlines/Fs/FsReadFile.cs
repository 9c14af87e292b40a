// SPDX-License-Identifier: MIT
using System.Diagnostics;
using DeepInfra.Fs;

namespace DeepInfra.Headlines.Fs;

/// <summary>A file of random bytes on the cluster of an <see cref="FsReadServer"/>.</summary>
internal sealed class FsReadFile : IAsyncDisposable
{
    private const int MiB = 1 << 20;

    private readonly ThreeFsClient _client;
    private readonly ThreeFsFile _file;
    private readonly byte[] _pattern;

    private FsReadFile(ThreeFsClient client, ThreeFsFile file, byte[] pattern, long length)
    {
        _client = client;
        _file = file;
        _pattern = pattern;
        Length = length;
    }

    /// <summary>Bytes of the file.</summary>
    public long Length { get; }

    /// <summary>Connects, writes the file and opens it for reading.</summary>
    public static async Task<FsReadFile> CreateAsync(FsReadServer server, long length)
    {
        var client = await ThreeFsClient.ConnectAsync(
            new ThreeFsClientOptions { ClusterId = "embedded", ManagerAddresses = [server.Manager] }
        );
        // Each MiB is another window of the same random bytes, so that no two are alike.
        var pattern = new byte[MiB + (int)(length / MiB)];
        new Random(7).NextBytes(pattern);
        await using (
            var file = await client.OpenAsync("/data", FileMode.CreateNew, FileAccess.ReadWrite)
        )
        {
            await Parallel.ForAsync(
                0,
                length / MiB,
                new ParallelOptions { MaxDegreeOfParallelism = 8 },
                async (i, stop) =>
                    await file.WriteAsync(pattern.AsMemory((int)i, MiB), i * MiB, stop)
            );
        }
        var opened = await client.OpenAsync("/data", FileMode.Open, FileAccess.Read);
        return new FsReadFile(client, opened, pattern, length);
    }

    /// <summary>Reads the whole file, 1 MiB at a time, eight reads in flight; bytes per second.</summary>
    public async Task<double> ReadAllAsync(bool compare)
    {
        var next = -1L;
        var time = Stopwatch.StartNew();
        await Task.WhenAll(
            Enumerable
                .Range(0, 8)
                .Select(async _ =>
                {
                    var buffer = new byte[MiB];
                    for (long i; (i = Interlocked.Increment(ref next)) < Length / MiB; )
                    {
                        if (await _file.ReadAsync(buffer, i * MiB) != MiB)
                        {
                            throw new InvalidOperationException("short read");
                        }
                        if (compare && !buffer.AsSpan().SequenceEqual(_pattern.AsSpan((int)i, MiB)))
                        {
                            throw new InvalidOperationException($"wrong bytes in MiB {i}");
                        }
                    }
                })
        );
        return Length / time.Elapsed.TotalSeconds;
    }

    /// <summary>Reads random 4 KiB pieces in batches of 128, four batches in flight.</summary>
    public async Task ReadSmallAsync(int count)
    {
        var left = count / 128;
        await Task.WhenAll(
            Enumerable
                .Range(0, 4)
                .Select(async seed =>
                {
                    var random = new Random(seed);
                    var memory = new byte[128 * 4096];
                    while (Interlocked.Decrement(ref left) >= 0)
                    {
                        var reads = new FileRead[128];
                        for (var i = 0; i < reads.Length; i++)
                        {
                            reads[i] = new FileRead(
                                random.NextInt64(Length / 4096) * 4096,
                                memory.AsMemory(i * 4096, 4096)
                            );
                        }
                        await _file.ReadBatchAsync(reads);
                    }
                })
        );
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _file.DisposeAsync();
        await _client.DisposeAsync();
    }
}
