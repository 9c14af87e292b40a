// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using DeepInfra.Fs.Datasets;
using DeepInfra.Fs.Tests.Fakes;

namespace DeepInfra.Fs.Tests.Datasets;

public sealed class RandomAccessDatasetTests : IAsyncLifetime
{
    private FakeCluster _cluster = null!;
    private ThreeFsClient _client = null!;
    private ThreeFsFileSystem _fileSystem = null!;

    public async ValueTask InitializeAsync()
    {
        _cluster = new FakeCluster();
        _client = await _cluster.ConnectAsync();
        _fileSystem = new ThreeFsFileSystem(_client);
        // 100, 0, 50 and 7 records of 16 bytes, each holding its number; the last file has a rest.
        var number = 0;
        foreach (var (count, name) in new[] { (100, "a"), (0, "b"), (50, "c"), (7, "d") })
        {
            var bytes = new byte[(count * 16) + (name == "d" ? 5 : 0)];
            for (var i = 0; i < count; i++)
            {
                BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(i * 16), number++);
            }

            await using var file = await _fileSystem.CreateAsync(name);
            await file.WriteAsync(bytes, 0);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task ReadBatchAsync_AnyOrder_GivesTheRecords()
    {
        await using var dataset = await OpenAsync();

        dataset.Count.Should().Be(157);
        using var batch = await dataset.ReadBatchAsync(new long[] { 156, 0, 99, 100, 149, 150, 0 });

        Numbers(batch).Should().Equal(156, 0, 99, 100, 149, 150, 0);
        batch.Dispose();
        var act = () => batch[0];
        act.Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public async Task ReadBatchAsync_OneBatch_IsOneRequestPerFile()
    {
        await using var dataset = await OpenAsync();
        _cluster.Nodes[0].Reads.Clear();

        using var batch = await dataset.ReadBatchAsync(
            Enumerable.Range(0, 64).Select(i => (long)i).ToArray()
        );

        _cluster.Nodes[0].Reads.Should().ContainSingle().Which.Payloads.Should().HaveCount(64);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(157)]
    public async Task ReadBatchAsync_OutOfRange_Throws(long id)
    {
        await using var dataset = await OpenAsync();

        var act = async () => await dataset.ReadBatchAsync(new[] { id });

        (await act.Should().ThrowAsync<ArgumentOutOfRangeException>()).WithMessage("*0 to 156*");
    }

    [Fact]
    public async Task OpenAsync_Index_ReadsListedRecords()
    {
        await using var dataset = await RandomAccessDataset.OpenAsync(
            _fileSystem,
            [new("c", 16, 4), new("a", 32, 20), new("c", 0, 0)]
        );

        using var batch = await dataset.ReadBatchAsync(new long[] { 2, 1, 0 });

        batch[0].Length.Should().Be(0);
        batch[1].Length.Should().Be(20);
        BinaryPrimitives.ReadInt32LittleEndian(batch[1].Span).Should().Be(2);
        BinaryPrimitives.ReadInt32LittleEndian(batch[2].Span).Should().Be(101);
    }

    [Fact]
    public async Task OpenAsync_IndexBeyondTheFile_Throws()
    {
        await using var dataset = await RandomAccessDataset.OpenAsync(
            _fileSystem,
            [new("d", 100, 50)]
        );

        var act = async () => await dataset.ReadBatchAsync(new long[] { 0 });

        (await act.Should().ThrowAsync<EndOfStreamException>()).WithMessage("*'d'*");
        var missing = async () =>
            await RandomAccessDataset.OpenAsync(_fileSystem, [new("no", 0, 1)]);
        await missing.Should().ThrowAsync<FileNotFoundException>();
    }

    [Theory]
    [InlineData(1, 10)]
    [InlineData(3, 7)]
    [InlineData(4, 1)]
    public async Task EnumerateAsync_AllRanks_CoverEachRecordOnce(int world, int batchSize)
    {
        await using var dataset = await OpenAsync();
        var seen = new List<int>();
        for (var rank = 0; rank < world; rank++)
        {
            var epoch = new DatasetEpoch(batchSize, 5) { WorldSize = world, Rank = rank };
            await foreach (var batch in dataset.EnumerateAsync(epoch))
            {
                using (batch)
                {
                    seen.AddRange(Numbers(batch));
                }
            }
        }

        seen.Should().OnlyHaveUniqueItems();
        seen.Should().HaveCount(157 / (world * batchSize) * world * batchSize);
        seen.Should().NotBeInAscendingOrder();
    }

    [Fact]
    public async Task EnumerateAsync_Resumed_ContinuesTheSameOrder()
    {
        await using var dataset = await OpenAsync();
        var epoch = new DatasetEpoch(8, 77) { Epoch = 3 };
        var whole = await NumbersAsync(dataset, epoch, int.MaxValue);

        var first = await NumbersAsync(dataset, epoch, 5);
        var rest = await NumbersAsync(dataset, epoch with { StartBatch = 5 }, int.MaxValue);
        var other = await NumbersAsync(dataset, epoch with { Epoch = 4 }, int.MaxValue);

        first.Concat(rest).Should().Equal(whole);
        other.Should().NotEqual(whole);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(4, 0)]
    public async Task CountBatches_BadEpoch_NamesTheSetting(int batchSize, int world)
    {
        await using var dataset = await RandomAccessDataset.OpenAsync(_fileSystem, []);

        var count = () =>
            dataset.CountBatches(new DatasetEpoch(batchSize, 1) { WorldSize = world });

        count.Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public async Task EnumerateAsync_NotShuffled_IsInOrder()
    {
        await using var dataset = await OpenAsync();

        var numbers = await NumbersAsync(
            dataset,
            new DatasetEpoch(10, 1) { Shuffle = false, PrefetchBatches = 0 },
            int.MaxValue
        );

        numbers.Should().Equal(Enumerable.Range(0, 150));
    }

    [Fact]
    public void EnumerateAsync_BadEpoch_Throws()
    {
        foreach (
            var epoch in new[]
            {
                new DatasetEpoch(0, 1),
                new DatasetEpoch(1, 1) { Rank = 1 },
                new DatasetEpoch(1, 1) { WorldSize = 0 },
                new DatasetEpoch(1, 1) { StartBatch = -1 },
            }
        )
        {
            var act = epoch.Validate;
            act.Should().Throw<ArgumentOutOfRangeException>();
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(64)]
    [InlineData(1000)]
    [InlineData(65_537)]
    public void IndexPermutation_AnySize_IsAPermutation(long count)
    {
        var permutation = new IndexPermutation(count, 9);

        var values = Enumerable.Range(0, (int)count).Select(i => permutation[i]).ToList();

        values.Should().OnlyHaveUniqueItems();
        values.Should().OnlyContain(v => v >= 0 && v < count);
    }

    private static List<int> Numbers(DatasetBatch batch) =>
        [
            .. Enumerable
                .Range(0, batch.Count)
                .Select(i => BinaryPrimitives.ReadInt32LittleEndian(batch[i].Span)),
        ];

    private static async Task<List<int>> NumbersAsync(
        RandomAccessDataset dataset,
        DatasetEpoch epoch,
        int batches
    )
    {
        var numbers = new List<int>();
        await foreach (var batch in dataset.EnumerateAsync(epoch))
        {
            using (batch)
            {
                numbers.AddRange(Numbers(batch));
            }

            if (--batches == 0)
            {
                break;
            }
        }

        return numbers;
    }

    private ValueTask<RandomAccessDataset> OpenAsync() =>
        RandomAccessDataset.OpenFixedAsync(_fileSystem, ["a", "b", "c", "d"], 16);
}
