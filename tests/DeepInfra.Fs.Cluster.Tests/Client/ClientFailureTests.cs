// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster.Tests.Client;

public sealed class ClientFailureTests
{
    [Fact]
    public async Task NodeStopped_Operations_FailClearlyAndWorkAfterItIsBack()
    {
        await using var fs = await ClientFixture.StartAsync(Impatient);
        var content = ClientFixture.Bytes(1, 500_000);
        await fs.WriteFileAsync("/f", content);

        await fs.Cluster.StopNodeAsync(0);
        var read = () => fs.ReadFileAsync("/f");
        var write = () => fs.WriteFileAsync("/g", content);
        var readError = await read.Should().ThrowAsync<Exception>();
        var writeError = await write.Should().ThrowAsync<Exception>();
        await fs.Cluster.StartNodeAsync(0);

        StorageCode(readError.Which).Should().BeOneOf(Unavailable);
        StorageCode(writeError.Which).Should().BeOneOf(Unavailable);
        (await fs.ReadFileAsync("/f")).Should().Equal(content);
        await fs.WriteFileAsync("/g", content);
        (await fs.ReadFileAsync("/g")).Should().Equal(content);
    }

    [Fact]
    public async Task NodeRestarted_DuringReads_ReadersWaitAndGoOn()
    {
        await using var fs = await ClientFixture.StartAsync();
        var content = ClientFixture.Bytes(2, 500_000);
        await fs.WriteFileAsync("/f", content);
        using var stop = new CancellationTokenSource();
        var rounds = 0;
        var reader = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                (await fs.ReadFileAsync("/f")).AsSpan().SequenceEqual(content).Should().BeTrue();
                rounds++;
            }
        });

        await Task.Delay(100);
        await fs.Cluster.StopNodeAsync(1);
        await Task.Delay(100);
        await fs.Cluster.StartNodeAsync(1);
        var before = Volatile.Read(ref rounds);
        await Task.Delay(1500);
        await stop.CancelAsync();
        await reader;

        rounds.Should().BeGreaterThan(before);
    }

    [Fact]
    public async Task QuotaFull_Write_SaysNoSpace()
    {
        await using var fs = await ClientFixture.StartAsync(
            Impatient,
            o => o with { NodeCapacityBytes = 1 << 20 }
        );

        var write = () => fs.WriteFileAsync("/big", new byte[8 << 20]);

        (await write.Should().ThrowAsync<IOException>())
            .Which.ToString()
            .Should()
            .ContainEquivalentOf("space");
        await fs.Client.DeleteAsync("/big");
        for (var i = 0; (await fs.Cluster.VerifyChunksAsync()).Chunks > 0; i++)
        {
            i.Should().BeLessThan(400);
            await Task.Delay(25);
        }
        await fs.WriteFileAsync("/small", new byte[1 << 20]);
    }

    [Theory]
    [InlineData((int)RpcFaultAction.Drop)]
    [InlineData((int)RpcFaultAction.CloseConnection)]
    public async Task AnswersLost_WritesAndReads_SucceedByRepetition(int faultAction)
    {
        var fault = (RpcFaultAction)faultAction;
        var random = new Random(1);
        var options = new RpcOptions
        {
            // Every sixth answer of a storage service is lost after the work is done.
            OnReply = context =>
            {
                lock (random)
                {
                    var lost = context.ServiceId == ServiceId.Storage && random.Next(6) == 0;
                    return new(lost ? fault : RpcFaultAction.Deliver);
                }
            },
        };
        using var temp = new TempDirectory();
        await using var cluster = await ThreeFsCluster.StartAsync(
            TestCluster.Options(temp["data"]),
            options
        );
        await using var client = await cluster.ConnectAsync(o =>
            o with
            {
                StorageTimeout = TimeSpan.FromMilliseconds(100),
            }
        );
        var content = ClientFixture.Bytes(1, 640_000);
        await using var file = await client.OpenAsync(
            "/f",
            FileMode.CreateNew,
            FileAccess.ReadWrite
        );

        for (var i = 0; i < 40; i++)
        {
            await file.WriteAsync(content.AsMemory(i * 16_000, 16_000), i * 16_000);
        }
        var read = new byte[content.Length];
        await file.ReadAsync(read, 0);

        read.AsSpan().SequenceEqual(content).Should().BeTrue();
        (await cluster.VerifyChunksAsync()).Damaged.Should().BeEmpty();
    }

    private static readonly StatusCode[] s_unavailable =
    [
        StatusCode.StorageClientNotAvailable,
        StatusCode.StorageClientCommError,
        StatusCode.StorageClientTimeout,
    ];

    private static StatusCode[] Unavailable => s_unavailable;

    private static ThreeFsClientOptions Impatient(ThreeFsClientOptions options) =>
        options with
        {
            OperationTimeout = TimeSpan.FromSeconds(1),
            StorageTimeout = TimeSpan.FromMilliseconds(300),
        };

    private static StatusCode StorageCode(Exception? e) =>
        e is ThreeFsException fs ? fs.StatusCode
        : e?.InnerException is not null ? StorageCode(e.InnerException)
        : StatusCode.Unknown;
}
