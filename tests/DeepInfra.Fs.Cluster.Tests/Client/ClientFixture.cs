// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster.Tests.Client;

/// <summary>A cluster and a real client of it.</summary>
internal sealed class ClientFixture : IAsyncDisposable
{
    private readonly TempDirectory _temp = new();

    private ClientFixture() { }

    public ThreeFsCluster Cluster { get; private set; } = null!;

    public ThreeFsClient Client { get; private set; } = null!;

    public string Directory => _temp["data"];

    public static async Task<ClientFixture> StartAsync(
        Func<ThreeFsClientOptions, ThreeFsClientOptions>? configure = null,
        Func<ThreeFsClusterOptions, ThreeFsClusterOptions>? cluster = null
    )
    {
        var fixture = new ClientFixture();
        var options = TestCluster.Options(fixture.Directory);
        fixture.Cluster = await ThreeFsCluster.StartAsync(cluster?.Invoke(options) ?? options);
        fixture.Client = await fixture.Cluster.ConnectAsync(configure);
        return fixture;
    }

    /// <summary>Stops everything and starts again on the same directory.</summary>
    public async Task RestartAsync()
    {
        await Client.DisposeAsync();
        var options = Cluster.Options;
        await Cluster.DisposeAsync();
        Cluster = await ThreeFsCluster.StartAsync(options);
        Client = await Cluster.ConnectAsync();
    }

    public static byte[] Bytes(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public async Task WriteFileAsync(string path, byte[] content)
    {
        await using var file = await Client.OpenAsync(path, FileMode.Create, FileAccess.ReadWrite);
        await file.WriteAsync(content, 0);
    }

    public async Task<byte[]> ReadFileAsync(string path)
    {
        await using var file = await Client.OpenAsync(path, FileMode.Open, FileAccess.Read);
        var content = new byte[await file.GetLengthAsync()];
        (await file.ReadAsync(content, 0)).Should().Be(content.Length);
        return content;
    }

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await Cluster.DisposeAsync();
        _temp.Dispose();
    }
}
