// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Tests.Tensors;

public sealed class TensorTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(256)]
    [InlineData(257)]
    [InlineData(100_000)]
    public unsafe void Allocate_AnySize_IsAligned(int elements)
    {
        using var tensor = PipelineTensor.Allocate(PipelineDataType.Float32, elements);

        tensor.ByteCount.Should().Be(4L * elements);
        tensor.Bytes.Length.Should().Be(4 * elements);
        fixed (byte* p = tensor.Bytes)
        {
            ((nint)p % 64).Should().Be(0);
        }
    }

    [Fact]
    public void BlockPool_EverySize_FitsItsBucketWithLittleWaste()
    {
        foreach (var bytes in Sizes())
        {
            var capacity = AlignedBlockPool.Capacity(AlignedBlockPool.BucketOf(bytes));
            capacity.Should().BeGreaterThanOrEqualTo(bytes);
            if (bytes > 256)
            {
                ((double)bytes / capacity).Should().BeGreaterThan(0.79);
            }
        }

        static IEnumerable<int> Sizes()
        {
            for (var size = 1L; size <= AlignedBlockPool.MaximumBytes; size = (size * 5 / 4) + 1)
            {
                yield return (int)size;
            }

            for (var log = 8; log < 31; log++)
            {
                yield return (1 << log) - 1;
                yield return 1 << log;
                yield return (1 << log) + 1;
            }

            yield return AlignedBlockPool.MaximumBytes;
        }
    }

    [Fact]
    public void Allocate_TooLarge_Throws() =>
        FluentActions
            .Invoking(() => PipelineTensor.Allocate(PipelineDataType.Float64, 1L << 30))
            .Should()
            .Throw<NotSupportedException>();

    [Fact]
    public void Allocate_DimensionsWhoseProductOverflows_Throws()
    {
        long[][] shapes =
        [
            [1L << 32, 1L << 32, 4],
            [long.MaxValue, 2],
            [1L << 62],
        ];
        foreach (var shape in shapes)
        {
            FluentActions
                .Invoking(() => PipelineTensor.Allocate(PipelineDataType.Float32, shape))
                .Should()
                .Throw<NotSupportedException>();
        }

        using var none = PipelineTensor.Allocate(PipelineDataType.Float32, 0, long.MaxValue, 4);
        none.ByteCount.Should().Be(0);
    }

    [Fact]
    public void Dispose_Twice_ReleasesOnce()
    {
        var tensor = PipelineTensor.Allocate(PipelineDataType.Int8, 8);

        tensor.Dispose();
        tensor.Dispose();

        tensor.IsReleased.Should().BeTrue();
        tensor.Shape.ToArray().Should().Equal(8);
        FluentActions.Invoking(() => tensor.Bytes.Length).Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void Create_WrongSizes_Throw()
    {
        FluentActions
            .Invoking(() => PipelineTensor.Create<float>(PipelineDataType.Float32, [1, 2], 3))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("*expected 3*got 2*");
        FluentActions
            .Invoking(() => PipelineTensor.Create<short>(PipelineDataType.Float32, [1], 1))
            .Should()
            .Throw<ArgumentException>();
        FluentActions
            .Invoking(() => PipelineTensor.Allocate(PipelineDataType.Float32, -1))
            .Should()
            .Throw<ArgumentOutOfRangeException>();
        FluentActions
            .Invoking(() => PipelineTensor.Allocate(PipelineDataType.Int32, true, 1))
            .Should()
            .Throw<ArgumentException>();
        FluentActions
            .Invoking(() => PipelineTensor.Wrap(PipelineDataType.Int32, new byte[3], 1))
            .Should()
            .Throw<ArgumentException>();
        using var tensor = PipelineTensor.Allocate(PipelineDataType.Float32, 1);
        FluentActions
            .Invoking(() => tensor.AsSpan<double>().Length)
            .Should()
            .Throw<InvalidOperationException>();
    }

    [Fact]
    public void Overlaps_ViewsOfOneTensor_AreSeen()
    {
        using var tensor = PipelineTensor.Create<int>(PipelineDataType.Int32, [1, 2, 3, 4], 4);
        var parts = MicroBatches.Split(tensor, 2);

        parts[0]!.Overlaps(tensor).Should().BeTrue();
        parts[0]!.Overlaps(parts[1]!).Should().BeFalse();
    }

    [Fact]
    public void Split_NotDivisible_FirstPartsAreLonger()
    {
        using var tensor = PipelineTensor.Create<int>(
            PipelineDataType.Int32,
            Enumerable.Range(0, 14).ToArray(),
            7,
            2
        );

        var parts = MicroBatches.Split(tensor, 3);

        parts.Select(p => p!.Shape[0]).Should().Equal(3, 2, 2);
        parts[1]!.AsSpan<int>().ToArray().Should().Equal(6, 7, 8, 9);
    }

    [Fact]
    public void SplitAndConcat_InnerDimension_RoundTrip()
    {
        using var tensor = PipelineTensor.Create<int>(
            PipelineDataType.Int32,
            Enumerable.Range(0, 2 * 5 * 3).ToArray(),
            2,
            5,
            3
        );

        var parts = MicroBatches.Split(tensor, 2, dimension: 1);
        using var joined = MicroBatches.Concat(parts, dimension: 1);

        parts.Select(p => p!.Shape[1]).Should().Equal(3, 2);
        joined!.AsSpan<int>().ToArray().Should().Equal(tensor.AsSpan<int>().ToArray());
    }

    [Fact]
    public void Split_NullAndEmpty_GiveNullsAndEmptyLists()
    {
        MicroBatches.Split((PipelineTensor?)null, 3).Count(t => t is null).Should().Be(3);
        MicroBatches.Split(TensorList.Empty, 3).Should().OnlyContain(l => l.Count == 0);
        MicroBatches
            .Split(TensorList.Of(null), 2)
            .Should()
            .OnlyContain(l => l.Count == 1 && l[0] == null);
    }

    [Fact]
    public void Split_TooShortOrNoSuchDimension_Throws()
    {
        using var tensor = PipelineTensor.Allocate(PipelineDataType.Int32, 2);

        FluentActions
            .Invoking(() => MicroBatches.Split(tensor, 3))
            .Should()
            .Throw<ArgumentOutOfRangeException>();
        FluentActions
            .Invoking(() => MicroBatches.Split(tensor, 1, 1))
            .Should()
            .Throw<ArgumentOutOfRangeException>();
        FluentActions
            .Invoking(() => MicroBatches.Split(tensor, 0))
            .Should()
            .Throw<ArgumentOutOfRangeException>();
        using var empty = PipelineTensor.Allocate(PipelineDataType.Int32, 0, 3);
        FluentActions
            .Invoking(() => MicroBatches.Split(empty, 1))
            .Should()
            .Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void Concat_MixedOrIncompatible_Throws()
    {
        using var a = PipelineTensor.Allocate(PipelineDataType.Int32, 1, 2);
        using var b = PipelineTensor.Allocate(PipelineDataType.Int32, 1, 3);

        FluentActions
            .Invoking(() => MicroBatches.Concat([a, null]))
            .Should()
            .Throw<ArgumentException>();
        FluentActions
            .Invoking(() => MicroBatches.Concat([a, b]))
            .Should()
            .Throw<ArgumentException>();
        FluentActions.Invoking(() => MicroBatches.Concat([])).Should().Throw<ArgumentException>();
        MicroBatches.Concat([null, null]).Should().BeNull();
    }

    [Fact]
    public void TensorList_Forms_Behave()
    {
        using var a = PipelineTensor.Allocate(PipelineDataType.Int32, 1);
        TensorList one = a;
        TensorList many = [a, null];

        one.Count.Should().Be(1);
        one[0].Should().BeSameAs(a);
        many.Count.Should().Be(2);
        many.ByteCount.Should().Be(4);
        many.IsAllNull.Should().BeFalse();
        TensorList.Nulls(2).IsAllNull.Should().BeTrue();
        TensorList.Empty.IsAllNull.Should().BeFalse();
        TensorList.Of(null).Count.Should().Be(1);
        FluentActions.Invoking(() => one[1]).Should().Throw<ArgumentOutOfRangeException>();
    }
}
