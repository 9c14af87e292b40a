// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Tests.Fakes;

namespace DeepInfra.Fs.Tests;

public sealed class LeakTests
{
    [Fact]
    public async Task Client_ConnectedAndDisposedOften_LeavesNoConnection()
    {
        await using var cluster = new FakeCluster();
        for (var i = 0; i < 100; i++)
        {
            await using var client = await cluster.ConnectAsync();
            await using var file = await client.OpenAsync(
                "f",
                FileMode.Create,
                FileAccess.ReadWrite
            );
            await file.WriteAsync(new byte[100], 0);
            (await file.ReadAsync(new byte[100], 0)).Should().Be(100);
        }

        for (var i = 0; i < 500 && Connections(cluster) > 0; i++)
        {
            await Task.Delay(10);
        }

        Connections(cluster).Should().Be(0);
    }

    private static int Connections(FakeCluster cluster) =>
        cluster.ManagerListener.ConnectionCount
        + cluster.MetaListener.ConnectionCount
        + cluster.StorageListeners.Sum(l => l.ConnectionCount);
}
