// SPDX-License-Identifier: MIT
using DeepInfra.Fs;
using DeepInfra.Fs.Cluster;
using DeepInfra.Testing;
using EndToEnd;
using EndToEnd.Checks;
using EndToEnd.Report;

namespace DeepInfra.EndToEnd.Tests;

/// <summary>The demo's flows in this process on a cluster that the test holds in its hands.</summary>
internal sealed class DemoCluster : IAsyncDisposable
{
    private readonly TempDirectory _folder;
    private readonly ThreeFsClient _client;

    private DemoCluster(TempDirectory folder, ThreeFsCluster cluster, ThreeFsClient client)
    {
        _folder = folder;
        _client = client;
        Cluster = cluster;
        Files = new ThreeFsFileSystem(client);
    }

    public ThreeFsCluster Cluster { get; }

    public IFileSystem Files { get; }

    /// <param name="patience">How long the client tries again when a node does not answer.</param>
    /// <param name="data">Folder of the cluster, for one that exists already; a temporary one if null.</param>
    public static async Task<DemoCluster> StartAsync(TimeSpan? patience = null, string? data = null)
    {
        var folder = new TempDirectory();
        var cluster = await ThreeFsCluster.StartAsync(
            new ThreeFsClusterOptions
            {
                DataDirectory = data ?? folder.Combine("3fs"),
                StorageNodeCount = 2,
                TargetsPerNode = 2,
                Durability = DurabilityMode.None,
            }
        );
        var client = await cluster.ConnectAsync(o =>
            patience is { } limit ? o with { OperationTimeout = limit } : o
        );
        return new DemoCluster(folder, cluster, client);
    }

    /// <summary>What a run has and collects.</summary>
    /// <param name="input">Folder of the raw text; the shipped corpus if null.</param>
    /// <param name="started">Called when a phase begins.</param>
    public (RunContext Run, MeterBook Meters) NewRun(
        string? input = null,
        Action<string>? started = null,
        CancellationToken cancellationToken = default
    )
    {
        var facts = new RunFacts();
        var meters = new MeterBook();
        var scratch = _folder.Combine("scratch");
        // Pond keeps what a failed job has finished; the program removes the folder at its end.
        if (Directory.Exists(scratch))
            Directory.Delete(scratch, recursive: true);
        Directory.CreateDirectory(scratch);
        return (
            new RunContext(
                SmallModel.Options with
                {
                    Input = input,
                },
                Files,
                scratch,
                new Verdicts(),
                facts,
                new Progress(facts, meters, cancellationToken) { Started = started },
                cancellationToken
            ),
            meters
        );
    }

    /// <summary>Intermediate files on the local disk.</summary>
    public IEnumerable<string> Scratch =>
        Directory.EnumerateFiles(_folder.Combine("scratch"), "*", SearchOption.AllDirectories);

    public async Task<List<string>> ListAsync(string folder = "/")
    {
        var names = new List<string>();
        await foreach (var entry in Files.ListAsync(folder, recursive: true))
            if (!entry.IsDirectory)
                names.Add(entry.Path);
        return names;
    }

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await Cluster.DisposeAsync();
        _folder.Dispose();
    }
}
