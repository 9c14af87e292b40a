// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using DeepInfra.Fs;
using DeepInfra.Fs.Cluster;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Benchmarks.Fs;

/// <summary>
/// A directory with 10,000 entries, listed over loopback TCP with different numbers of entries in an answer. The ceiling is the
/// same directory on the local disk: a system call reads what here is a request, and nothing is encoded.
/// </summary>
[MemoryDiagnoser]
public class DirectoryListingBenchmarks
{
    private const int Entries = 10_000;
    private const string Folder = "listed";

    private string _directory = "";
    private string _local = "";
    private ThreeFsCluster _cluster = null!;
    private ThreeFsClient _client = null!;

    [GlobalSetup]
    public async Task Setup()
    {
        _directory = Directory.CreateTempSubdirectory("fs-bench-").FullName;
        _local = Directory.CreateDirectory(Path.Combine(_directory, "local")).FullName;
        _cluster = await ThreeFsCluster.StartAsync(
            new ThreeFsClusterOptions
            {
                DataDirectory = Path.Combine(_directory, "data"),
                Durability = DurabilityMode.None,
            }
        );
        _client = await _cluster.ConnectAsync();
        await _client.CreateDirectoryAsync("/" + Folder);
        for (var i = 0; i < Entries; i++)
        {
            var name = $"checkpoint-{i * 7919 % Entries:00000}.safetensors";
            await File.WriteAllBytesAsync(Path.Combine(_local, name), []);
            await using (
                await _client.OpenAsync($"/{Folder}/{name}", FileMode.CreateNew, FileAccess.Write)
            ) { }
        }
        var ours = new List<string>();
        await foreach (var entry in _client.EnumerateAsync("/" + Folder))
            ours.Add(entry.Name);
        var theirs = Directory.EnumerateFiles(_local).Select(f => Path.GetFileName(f));
        if (!ours.SequenceEqual(theirs.Order(StringComparer.Ordinal)))
            throw new InvalidOperationException("The two directories differ.");
    }

    [GlobalCleanup]
    public async Task Cleanup()
    {
        await _client.DisposeAsync();
        await _cluster.DisposeAsync();
        Directory.Delete(_directory, true);
    }

    /// <summary>The ceiling: names of the local directory, in no order.</summary>
    [Benchmark(Baseline = true)]
    public int LocalNames() => Directory.EnumerateFiles(_local).Count();

    /// <summary>The ceiling with attributes, which cost a system call per file there.</summary>
    [Benchmark]
    public long LocalNamesAndLengths() =>
        new DirectoryInfo(_local).EnumerateFiles().Sum(f => f.Length + 1);

    /// <summary>Names in byte order through the public client, at its own page size.</summary>
    [Benchmark]
    public async Task<int> Names()
    {
        var count = 0;
        await foreach (var _ in _client.EnumerateAsync("/" + Folder))
            count++;
        return count;
    }

    /// <summary>Names and attributes through the public client.</summary>
    [Benchmark]
    public async Task<long> NamesAndLengths()
    {
        var sum = 0L;
        await foreach (var entry in _client.EnumerateAsync("/" + Folder, withInfo: true))
            sum += entry.Info!.Length + 1;
        return sum;
    }

    /// <summary>Names by pages of other sizes: below the client's the round trips show, above it one answer's size.</summary>
    [Benchmark]
    [Arguments(128)]
    [Arguments(4096)]
    [Arguments(Entries)]
    public async Task<int> NamesByPages(int entriesPerPage)
    {
        var count = 0;
        var previous = "";
        ListRsp page;
        do
        {
            var answer = await _client.Meta.QueryAsync<ListReq, ListRsp>(
                MetaMethod.List,
                new ListReq
                {
                    Path = ThreeFsClient.At(Folder),
                    Prev = previous,
                    Limit = entriesPerPage,
                },
                CancellationToken.None
            );
            page = answer.Value;
            count += page.Entries.Count;
            previous = page.Entries[^1].Name;
        } while (page.More);
        return count;
    }
}
