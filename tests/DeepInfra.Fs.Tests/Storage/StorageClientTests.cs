// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Tests.Fakes;
using DeepInfra.Fs.Wire;
using static DeepInfra.Fs.Tests.Storage.ChunkData;

namespace DeepInfra.Fs.Tests.Storage;

/// <summary>Reads.</summary>
public sealed class StorageClientTests
{
    [Fact]
    public async Task ReadAsync_BatchOfGoodAndBad_ReportsEach()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        for (uint i = 0; i < 128; i += 2)
        {
            Put(cluster, i, Pattern(4096, (int)i));
        }

        var reads = Reads(128, 4096);
        await client.Storage.ReadAsync(reads, 128, default);

        for (var i = 0; i < 128; i++)
        {
            if (i % 2 == 0)
            {
                reads[i].Status.IsOk.Should().BeTrue();
                reads[i].Buffer.ToArray().Should().Equal(Pattern(4096, i));
            }
            else
            {
                reads[i].Status.Code.Should().Be(StatusCode.StorageClientChunkNotFound);
                reads[i].Status.Message.Should().Contain("target");
            }
        }

        cluster.Nodes[0].Reads.Should().ContainSingle();
        cluster.Nodes[0].Reads[0].FeatureFlags.Should().Be(FeatureFlags.SendDataInline);
        cluster.Nodes[0].Reads[0].Payloads.Should().OnlyContain(p => p.Rdmabuf.Size == 4096);
    }

    [Fact]
    public async Task ReadAsync_UncommittedAllowed_TellsTheServer()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync(o =>
            o with
            {
                AllowReadUncommitted = true,
            }
        );
        Put(cluster, 0, Pattern(4096, 0));

        await client.Storage.ReadAsync(Reads(1, 4096), 1, default);

        cluster
            .Nodes[0]
            .Reads.Should()
            .ContainSingle()
            .Which.FeatureFlags.Should()
            .Be(FeatureFlags.SendDataInline | FeatureFlags.AllowReadUncommitted);
    }

    [Fact]
    public async Task ReadAsync_ManyRanges_SplitsByCountAndBytes()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync(o =>
            o with
            {
                MaximumBatchIos = 10,
                MaximumIoBytes = 1000,
                MaximumBatchBytes = 5000,
            }
        );
        Put(cluster, 0, Pattern(1000, 0));

        var small = Reads(25, 1, chunk: 0);
        await client.Storage.ReadAsync(small, 25, default);
        var large = Reads(12, 1000, chunk: 0);
        await client.Storage.ReadAsync(large, 12, default);

        cluster
            .Nodes[0]
            .Reads.Select(r => r.Payloads.Count)
            .Order()
            .Should()
            .Equal(2, 5, 5, 5, 10, 10);
        large.Should().OnlyContain(r => r.Status.IsOk);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task ReadAsync_ChecksumWrong_AsksAnotherReplicaIfThereIsOne(int replicas)
    {
        await using var cluster = new FakeCluster(storageNodes: 2, chains: 1, replicas);
        Put(cluster, 0, Pattern(1 << 20, 1));
        var damaged = 0;
        cluster.Nodes[0].OnReadAnswer = (_, answer) => Damage(answer, ref damaged);
        await using var client = await cluster.ConnectAsync();

        for (var i = 0; i < 8; i++)
        {
            var reads = Reads(1, 1 << 20, chunk: 0);
            await client.Storage.ReadAsync(reads, 1, default);
            if (replicas == 1)
            {
                reads[0].Status.Code.Should().Be(StatusCode.StorageClientChecksumMismatch);
                reads[0].Status.Message.Should().Contain("00000000-00000000-00070000-00000000");
                reads[0]
                    .Status.Message.Should()
                    .Contain(cluster.StorageListeners[0].EndPoint.ToString());
            }
            else
            {
                reads[0].Status.IsOk.Should().BeTrue();
                reads[0].Buffer.ToArray().Should().Equal(Pattern(1 << 20, 1));
            }
        }

        damaged.Should().BePositive();
    }

    [Fact]
    public async Task ReadAsync_VerificationOff_AcceptsWhatComes()
    {
        await using var cluster = new FakeCluster();
        Put(cluster, 0, Pattern(1000, 1));
        var damaged = 0;
        cluster.Nodes[0].OnReadAnswer = (_, answer) => Damage(answer, ref damaged);
        await using var client = await cluster.ConnectAsync(o => o with { VerifyReads = false });

        var reads = Reads(1, 1000, chunk: 0);
        await client.Storage.ReadAsync(reads, 1, default);

        reads[0].Status.IsOk.Should().BeTrue();
        cluster.Nodes[0].Reads[0].ChecksumType.Should().Be(ChecksumType.None);
    }

    [Fact]
    public async Task ReadAsync_ChainVersionChanged_RefreshesAndRetries()
    {
        await using var cluster = new FakeCluster();
        Put(cluster, 0, Pattern(100, 1));
        await using var client = await cluster.ConnectAsync();
        cluster.ChangeRouting(r => r.Chains[Chain].ChainVersion = 2);

        var reads = Reads(1, 100, chunk: 0);
        var start = TimeProvider.System.GetTimestamp();
        await client.Storage.ReadAsync(reads, 1, default);

        reads[0].Status.IsOk.Should().BeTrue();
        cluster.Nodes[0].Reads.Should().HaveCount(2);
        client.Mgmtd.Routing.FindChain(Chain)!.ChainVersion.Should().Be(2);
    }

    [Fact]
    public async Task ReadAsync_ChunkNotCommitted_RetriesUntilItIs()
    {
        await using var cluster = new FakeCluster();
        Put(cluster, 0, Pattern(100, 1));
        await using var client = await cluster.ConnectAsync();
        var answers = 0;
        cluster.Nodes[0].OnRead = _ =>
            Interlocked.Increment(ref answers) < 4
                ? new Result<BatchReadRsp>(
                    new BatchReadRsp
                    {
                        Results = [new IOResult { LengthInfo = StatusCode.StorageChunkNotCommit }],
                    }
                )
                : (Result<BatchReadRsp>?)null;

        var reads = Reads(1, 100, chunk: 0);
        await client.Storage.ReadAsync(reads, 1, default);

        reads[0].Status.IsOk.Should().BeTrue();
        answers.Should().Be(4);
    }

    [Fact]
    public async Task ReadAsync_NodeDiesMidCall_ReadsFromTheOther()
    {
        await using var cluster = new FakeCluster(storageNodes: 2, chains: 1, replicas: 2);
        Put(cluster, 0, Pattern(100_000, 1));
        cluster.Nodes[0].ReadDelay = async token => await Task.Delay(60_000, token);
        await using var client = await cluster.ConnectAsync();

        var rounds = Enumerable.Range(0, 6).Select(_ => Reads(1, 100_000, chunk: 0)).ToList();
        var calls = rounds.Select(r => client.Storage.ReadAsync(r, 1, default).AsTask()).ToList();
        await Task.Delay(50);
        await cluster.StorageListeners[0].DisposeAsync();
        await Task.WhenAll(calls).WaitAsync(TimeSpan.FromSeconds(20));

        rounds.Should().OnlyContain(r => r[0].Status.IsOk);
        rounds.Should().OnlyContain(r => r[0].Buffer.ToArray().SequenceEqual(Pattern(100_000, 1)));
    }

    [Fact]
    public async Task ReadAsync_NodeDown_ReportsCommunicationErrorInTime()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync(o =>
            o with
            {
                OperationTimeout = TimeSpan.FromMilliseconds(700),
            }
        );
        await cluster.StorageListeners[0].DisposeAsync();

        var reads = Reads(1, 100, chunk: 0);
        await client
            .Storage.ReadAsync(reads, 1, default)
            .AsTask()
            .WaitAsync(TimeSpan.FromSeconds(10));

        reads[0].Status.Code.Should().Be(StatusCode.StorageClientCommError);
        reads[0].IsDone.Should().BeFalse();
    }

    [Fact]
    public async Task ReadAsync_NoTargetServing_ReportsNotAvailable()
    {
        await using var cluster = new FakeCluster(chains: 1);
        cluster.ChangeRouting(r =>
            r.Chains[Chain].Targets[0] = r.Chains[Chain].Targets[0] with
            {
                PublicState = PublicTargetState.LastSrv,
            }
        );
        await using var client = await cluster.ConnectAsync(o =>
            o with
            {
                OperationTimeout = TimeSpan.FromMilliseconds(500),
            }
        );

        var reads = Reads(1, 100, chunk: 0);
        await client.Storage.ReadAsync(reads, 1, default);
        var unknown = Reads(1, 100, chunk: 0);
        unknown[0].ChainId = 5;
        await client.Storage.ReadAsync(unknown, 1, default);

        reads[0].Status.Code.Should().Be(StatusCode.StorageClientNotAvailable);
        unknown[0].Status.Code.Should().Be(StatusCode.StorageClientRoutingError);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(40_000)]
    public async Task ReadAsync_InlineSumDoesNotMatch_IsAProtocolError(int size)
    {
        await using var cluster = new FakeCluster();
        Put(cluster, 0, Pattern(size, 1));
        cluster.Nodes[0].OnReadAnswer = (_, answer) =>
            answer.Inlinebuf.Data = new InlineData(new byte[size + 3]);
        await using var client = await cluster.ConnectAsync();

        var reads = Reads(1, size, chunk: 0);
        await client.Storage.ReadAsync(reads, 1, default);

        reads[0].Status.Code.Should().Be(StatusCode.StorageClientFoundBug);
    }

    [Fact]
    public async Task ReadAsync_MoreBytesThanAsked_IsAProtocolError()
    {
        await using var cluster = new FakeCluster();
        Put(cluster, 0, Pattern(100, 1));
        cluster.Nodes[0].OnReadAnswer = (_, answer) =>
        {
            answer.Results[0] = new IOResult { LengthInfo = 101u };
            answer.Inlinebuf.Data = new InlineData(new byte[101]);
        };
        await using var client = await cluster.ConnectAsync();

        var reads = Reads(1, 100, chunk: 0);
        await client.Storage.ReadAsync(reads, 1, default);

        reads[0].Status.Code.Should().Be(StatusCode.StorageClientFoundBug);
    }

    [Fact]
    public async Task ReadAsync_Cancelled_LeavesTheBufferAlone()
    {
        await using var cluster = new FakeCluster();
        Put(cluster, 0, Pattern(1 << 20, 1));
        var release = new TaskCompletionSource();
        cluster.Nodes[0].ReadDelay = _ => release.Task;
        await using var client = await cluster.ConnectAsync();
        using var source = new CancellationTokenSource();

        var reads = Reads(1, 1 << 20, chunk: 0);
        var call = client.Storage.ReadAsync(reads, 1, source.Token).AsTask();
        await Task.Delay(30);
        await source.CancelAsync();
        var act = async () => await call;
        await act.Should().ThrowAsync<OperationCanceledException>();
        reads[0].Buffer.Span.Fill(0xEE);
        release.SetResult();
        await Task.Delay(100);

        reads[0].Buffer.ToArray().Should().OnlyContain(b => b == 0xEE);
    }

    [Theory]
    [InlineData(TargetSelection.LoadBalance)]
    [InlineData(TargetSelection.RoundRobin)]
    [InlineData(TargetSelection.Random)]
    public async Task ReadAsync_SpreadingModes_UseEveryReplica(TargetSelection mode)
    {
        await using var cluster = new FakeCluster(storageNodes: 3, chains: 1, replicas: 3);
        Put(cluster, 0, Pattern(100, 1));
        await using var client = await cluster.ConnectAsync(o => o with { ReadFrom = mode });

        for (var i = 0; i < 60; i++)
        {
            await client.Storage.ReadAsync(Reads(1, 100, chunk: 0), 1, default);
        }

        cluster.Nodes.Should().OnlyContain(n => n.Reads.Count >= 5);
    }

    [Theory]
    [InlineData(TargetSelection.Head, 0)]
    [InlineData(TargetSelection.Tail, 2)]
    public async Task ReadAsync_FixedModes_UseOneReplica(TargetSelection mode, int node)
    {
        await using var cluster = new FakeCluster(storageNodes: 3, chains: 1, replicas: 3);
        Put(cluster, 0, Pattern(100, 1));
        await using var client = await cluster.ConnectAsync(o => o with { ReadFrom = mode });

        for (var i = 0; i < 5; i++)
        {
            await client.Storage.ReadAsync(Reads(1, 100, chunk: 0), 1, default);
        }

        cluster.Nodes[node].Reads.Should().HaveCount(5);
    }

    [Fact]
    public async Task ReadAsync_TrafficZone_UsesOnlyItsNodes()
    {
        await using var cluster = new FakeCluster(storageNodes: 2, chains: 1, replicas: 2);
        Put(cluster, 0, Pattern(100, 1));
        cluster.ChangeRouting(r =>
            r.Nodes[FakeCluster.FirstStorageNode + 1]
                .Tags.Add(new() { Key = "TrafficZone", Value = "b" })
        );
        await using var client = await cluster.ConnectAsync(o => o with { TrafficZones = ["b"] });

        for (var i = 0; i < 5; i++)
        {
            await client.Storage.ReadAsync(Reads(1, 100, chunk: 0), 1, default);
        }

        cluster.Nodes[0].Reads.Should().BeEmpty();
        cluster.Nodes[1].Reads.Should().HaveCount(5);
    }
}
