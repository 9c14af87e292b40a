// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Tests.Fakes;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests;

public sealed class ThreeFsBatchTests
{
    [Fact]
    public async Task Submit_ReadsAndWritesOfTwoFiles_CompleteWithTheirTags()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        await using var a = await client.OpenAsync("a", FileMode.CreateNew, FileAccess.ReadWrite);
        await using var b = await client.OpenAsync("b", FileMode.CreateNew, FileAccess.ReadWrite);
        await a.WriteAsync(new byte[] { 1, 2, 3 }, 0);
        var batch = client.CreateBatch();
        var first = new byte[10];
        var second = new byte[2];

        batch.AddRead(a, 0, first, 1);
        batch.AddRead(a, 1, second, 2);
        batch.AddWrite(b, 0, new byte[100_000], 3);
        batch.AddRead(a, 50, new byte[5], 4);
        batch.Submit().Should().Be(4);
        var completions = await CollectAsync(batch);

        completions
            .Select(c => (c.Tag, c.Bytes))
            .Should()
            .BeEquivalentTo([(1L, 3), (2L, 2), (3L, 100_000), (4L, 0)]);
        completions.Should().OnlyContain(c => c.Error == null);
        first[..3].Should().Equal(1, 2, 3);
        second.Should().Equal(2, 3);
        b.Length.Should().Be(100_000);
        batch.Count.Should().Be(0);
    }

    [Fact]
    public async Task Submit_ManyFiles_SharesRequests()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        var files = new List<ThreeFsFile>();
        for (var i = 0; i < 20; i++)
        {
            files.Add(await client.OpenAsync($"f{i}", FileMode.CreateNew, FileAccess.ReadWrite));
            await files[i].WriteAsync(new[] { (byte)i }, 0);
        }

        var batch = client.CreateBatch();
        var buffers = files.Select(_ => new byte[1]).ToArray();
        for (var i = 0; i < files.Count; i++)
        {
            batch.AddRead(files[i], 0, buffers[i], i);
        }

        cluster.Nodes[0].Reads.Clear();
        batch.Submit();
        await CollectAsync(batch);

        cluster.Nodes[0].Reads.Should().ContainSingle().Which.Payloads.Should().HaveCount(20);
        buffers.Select(b => (int)b[0]).Should().Equal(Enumerable.Range(0, 20));
    }

    [Fact]
    public async Task Submit_OneFails_OnlyItReportsAnError()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        await using var file = await client.OpenAsync(
            "f",
            FileMode.CreateNew,
            FileAccess.ReadWrite
        );
        await file.WriteAsync(new byte[200_000], 0);
        cluster.Nodes[0].OnReadAnswer = (_, answer) =>
            answer.Results[1] = new IOResult
            {
                LengthInfo = new Status(StatusCode.StorageClientNoSpace),
            };
        cluster.Nodes[0].OnRead = request => new BatchReadRsp
        {
            Results =
            [
                .. request.Payloads.Select(p =>
                    p.Key.ChunkId.ChunkIndex == 1
                        ? new IOResult { LengthInfo = StatusCode.StorageClientNoSpace }
                        : new IOResult { LengthInfo = 10u }
                ),
            ],
            Inlinebuf = new() { Data = new InlineData(new byte[10]) },
        };
        var batch = client.CreateBatch();

        batch.AddRead(file, 0, new byte[10], 1);
        batch.AddRead(file, 70_000, new byte[10], 2);
        batch.Submit();
        var completions = await CollectAsync(batch);

        completions.Single(c => c.Tag == 1).Error.Should().BeNull();
        completions.Single(c => c.Tag == 2).Error.Should().BeOfType<IOException>();
    }

    [Fact]
    public async Task AddRead_Full_Throws()
    {
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        await using var file = await client.OpenAsync(
            "f",
            FileMode.CreateNew,
            FileAccess.ReadWrite
        );
        var batch = client.CreateBatch(capacity: 1);
        batch.AddRead(file, 0, new byte[1], 1);

        var act = () => batch.AddRead(file, 0, new byte[1], 2);

        act.Should().Throw<InvalidOperationException>().WithMessage("*1 operations*");
    }

    private static async Task<List<BatchCompletion>> CollectAsync(ThreeFsBatch batch)
    {
        var completions = new List<BatchCompletion>();
        await foreach (var completion in batch.CompletionsAsync())
        {
            completions.Add(completion);
        }

        return completions;
    }
}
