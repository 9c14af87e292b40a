// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster.Tests.Durability;

/// <summary>
/// A part of the data directory is gone: a disk that is not mounted, a directory that was deleted. Starting anew in
/// its place would show files full of zeros, or old chunks in new files.
/// </summary>
public sealed class LostFilesTests : IDisposable
{
    private readonly TempDirectory _temp = new();

    public void Dispose() => _temp.Dispose();

    [Theory]
    [InlineData("storage/10002", true)]
    [InlineData("storage/10002", false)]
    [InlineData("meta", true)]
    [InlineData("meta", false)]
    public async Task Start_PartIsGone_IsRefusedAndTouchesNothing(string part, bool whole)
    {
        await CreateAsync();
        var path = Path.Combine(_temp["data"], part);
        var kept = Path.Combine(_temp["data"], "kept");
        Directory.Move(path, kept);
        if (!whole)
        {
            Directory.CreateDirectory(path);
        }

        var start = () => TestCluster.StartAsync(_temp["data"]);

        (await start.Should().ThrowAsync<ClusterStorageException>())
            .WithMessage($"*{path}*")
            .Which.Message.Should()
            .Contain("restore");
        if (Directory.Exists(path))
        {
            Directory.Delete(path, recursive: true);
        }
        Directory.Move(kept, path);
        await using var cluster = await TestCluster.StartAsync(_temp["data"]);
        (await ReadAsync(cluster)).Should().OnlyContain(b => b == 7);
    }

    [Fact]
    public async Task StartNode_FilesAreGone_IsRefused()
    {
        await using var cluster = await CreateAsync(dispose: false);
        await cluster!.StopNodeAsync(1);
        var path = Path.Combine(_temp["data"], "storage", "10002");
        Directory.Move(path, _temp["kept"]);

        var start = () => cluster.StartNodeAsync(1);

        await start.Should().ThrowAsync<ClusterStorageException>().WithMessage($"*{path}*");
        cluster.IsNodeRunning(1).Should().BeFalse();
        Directory.Move(_temp["kept"], path);
        await cluster.StartNodeAsync(1);
        (await ReadAsync(cluster)).Should().OnlyContain(b => b == 7);
    }

    private async Task<ThreeFsCluster?> CreateAsync(bool dispose = true)
    {
        var cluster = await TestCluster.StartAsync(_temp["data"]);
        await using (var client = await cluster.ConnectAsync())
        {
            await using var file = await client.OpenAsync(
                "/f",
                FileMode.Create,
                FileAccess.ReadWrite
            );
            await file.WriteAsync(Enumerable.Repeat((byte)7, 500_000).ToArray(), 0);
        }
        if (!dispose)
        {
            return cluster;
        }
        await cluster.DisposeAsync();
        return null;
    }

    private static async Task<byte[]> ReadAsync(ThreeFsCluster cluster)
    {
        await using var client = await cluster.ConnectAsync();
        await using var file = await client.OpenAsync("/f", FileMode.Open, FileAccess.Read);
        var bytes = new byte[500_000];
        (await file.ReadAsync(bytes, 0)).Should().Be(bytes.Length);
        return bytes;
    }
}
