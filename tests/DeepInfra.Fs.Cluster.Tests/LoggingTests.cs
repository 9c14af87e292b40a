// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Tests.Client;
using DeepInfra.Testing;
using Microsoft.Extensions.Logging;

namespace DeepInfra.Fs.Cluster.Tests;

/// <summary>What an operator reads about starts, failures, damage and full disks.</summary>
public sealed class LoggingTests : IDisposable
{
    private readonly LogCapture _log = new();

    public void Dispose() => _log.Dispose();

    [Fact]
    public async Task StartAndStop_Cluster_TellsWhatWasRecovered()
    {
        await using var fs = await StartAsync();
        await fs.WriteFileAsync("/f", ClientFixture.Bytes(1, 300_000));
        await fs.RestartAsync();

        _log.Of(6101).Should().HaveCount(2);
        _log.Of(6101)[0].Message.Should().Contain(fs.Directory);
        _log.Of(6102).Should().ContainSingle();
        var recovered = _log.Of(6103).Select(l => l.Message).ToList();
        recovered.Should().HaveCount(4);
        recovered[0].Should().Contain("0 targets with 0 bytes");
        recovered.Skip(2).Should().OnlyContain(m => m.Contains("2 targets"));
        recovered.Skip(2).Should().Contain(m => !m.Contains(" 0 bytes"));
    }

    [Fact]
    public async Task NodeDies_Cluster_NamesNodeAndChains()
    {
        await using var fs = await StartAsync();

        await fs.Cluster.StopNodeAsync(0);
        var failed = await _log.WaitForAsync(6105);
        var degraded = await _log.WaitForAsync(6107);
        await fs.Cluster.StartNodeAsync(0);

        failed.Level.Should().Be(LogLevel.Warning);
        failed.Message.Should().Contain("10001");
        degraded.Message.Should().Match("Chain 9000*LastSrv");
        _log.Of(6104).Should().ContainSingle();
        _log.Of(6106).Should().Contain(l => l.Message.Contains("10001"));
        // On a loaded machine the other node may be declared failed as well, so its chains do not count.
        _log.Of(6108)
            .Count(l => l.Message.Contains("target 10001"))
            .Should()
            .Be(2, "both chains of the node serve again");
    }

    [Fact]
    public async Task Read_DamagedChunk_IsLoggedWithNodeChunkAndFile()
    {
        await using var fs = await StartAsync();
        await fs.WriteFileAsync("/f", ClientFixture.Bytes(1, 10_000));
        var file = Directory
            .EnumerateFiles(fs.Directory, "*.dat", SearchOption.AllDirectories)
            .Single();
        await using (
            var disk = File.Open(file, FileMode.Open, FileAccess.Write, FileShare.ReadWrite)
        )
        {
            disk.Position = 5000;
            disk.WriteByte(0);
            disk.WriteByte(1);
        }

        var read = () => fs.ReadFileAsync("/f");
        await read.Should().ThrowAsync<ThreeFsException>();
        await fs.Cluster.VerifyChunksAsync();

        var lines = _log.Of(6109);
        lines
            .Should()
            .HaveCountGreaterThanOrEqualTo(2)
            .And.OnlyContain(l => l.Level == LogLevel.Error);
        lines
            .Should()
            .OnlyContain(l => l.Message.Contains(file) && l.Message.Contains("node 1000"));
        _log.Of(6116).Should().ContainSingle().Which.Message.Should().Contain("1 of them");
    }

    [Fact]
    public async Task Write_QuotaFull_IsLoggedOnce()
    {
        await using var fs = await StartAsync(o => o with { NodeCapacityBytes = 128 << 10 });

        for (var i = 0; i < 3; i++)
        {
            var write = () => fs.WriteFileAsync("/big", new byte[1 << 20]);
            await write.Should().ThrowAsync<IOException>();
        }

        // Each of the two nodes tells once in ten seconds.
        _log.Of(6110).Should().HaveCountLessThanOrEqualTo(4).And.NotBeEmpty();
    }

    private Task<ClientFixture> StartAsync(
        Func<ThreeFsClusterOptions, ThreeFsClusterOptions>? configure = null
    ) =>
        ClientFixture.StartAsync(cluster: o =>
            (configure?.Invoke(o) ?? o) with
            {
                LoggerFactory = _log,
            }
        );
}
