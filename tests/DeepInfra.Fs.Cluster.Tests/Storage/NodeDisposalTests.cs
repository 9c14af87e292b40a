// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Storage;
using DeepInfra.Fs.Cluster.Tests.Chunks;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Storage;

/// <summary>Ends of a storage node in the middle of its work.</summary>
public sealed class NodeDisposalTests : IDisposable
{
    private readonly TempDirectory _temp = new();

    public void Dispose() => _temp.Dispose();

    [Fact]
    public async Task Dispose_CommitsOnTheirWay_AreFinished()
    {
        var node = Open();
        var chunks = node.CreateTarget(Target()).Chunks;
        var first = await chunks.PrepareAsync(ChunkFixture.Write(0, 0, new byte[100]));
        var second = await chunks.PrepareAsync(ChunkFixture.Write(1, 0, new byte[100]));
        using var isWriting = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        node.Index.BeforeWrite = () =>
        {
            isWriting.Set();
            goOn.Wait(TimeSpan.FromMinutes(1));
        };
        var commit = chunks.CommitAsync(first, 1).AsTask();
        isWriting.Wait(TimeSpan.FromMinutes(1)).Should().BeTrue();
        var behind = chunks.CommitAsync(second, 1).AsTask();

        var disposal = Task.Run(node.Dispose);
        await Task.Delay(50);
        goOn.Set();
        await disposal;

        (await commit)!.Length.Should().Be(100);
        (await behind)!.Length.Should().Be(100);
        using var again = Open();
        again.Targets[7].Chunks.Find(ChunkFixture.Id(1))!.Length.Should().Be(100);
    }

    [Fact]
    public void Open_IndexInUse_LeavesNoThreads()
    {
        using var node = Open();
        var before = DiskThreadCount();

        for (var i = 0; i < 50; i++)
        {
            var open = Open;
            open.Should().Throw<ClusterStorageException>();
        }

        // Other tests start nodes meanwhile, a few; the 50 failed ones had eight threads each.
        DiskThreadCount().Should().BeLessThan(before + 200);
    }

    [Theory]
    [InlineData(0ul)]
    [InlineData(ulong.MaxValue)]
    public void CreateTarget_IdOutsideTheKeys_IsRefused(ulong id)
    {
        using var node = Open();

        var create = () => node.CreateTarget(Target(id));

        create
            .Should()
            .Throw<ServiceException>()
            .Which.Status.Code.Should()
            .Be(StatusCode.InvalidArg);
    }

    private static int DiskThreadCount() =>
        Directory
            .EnumerateDirectories("/proc/self/task")
            .Count(t =>
            {
                try
                {
                    return File.ReadAllText(Path.Combine(t, "comm"))
                        .StartsWith("3fs disk", StringComparison.Ordinal);
                }
                catch (IOException)
                {
                    return false;
                }
            });

    private StorageNode Open() =>
        new(10_001, _temp["node"], DurabilityMode.Fsync, null, 0, static () => s_routing);

    private static readonly RoutingInfo s_routing = new();

    private static CreateTargetReq Target(ulong id = 7) =>
        new()
        {
            TargetId = id,
            ChainId = 1,
            PhysicalFileCount = 1,
            ChunkSizeList = [64 * 1024],
        };
}
