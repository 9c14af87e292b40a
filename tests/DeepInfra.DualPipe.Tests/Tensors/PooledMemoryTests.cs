// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Stages;
using DeepInfra.DualPipe.Tensors;
using DeepInfra.DualPipe.Tests.Fixtures;

namespace DeepInfra.DualPipe.Tests.Tensors;

/// <summary>Counts live tensors of the process.</summary>
[Collection(SerialCollection.Name)]
public sealed class PooledMemoryTests
{
    [Fact]
    public void Split_SecondTensorTooShort_ReleasesTheCopiesOfTheFirst()
    {
        using var first = PipelineTensor.Allocate(PipelineDataType.Float32, 2, 4);
        using var second = PipelineTensor.Allocate(PipelineDataType.Float32, 2, 1);
        var before = PipelineTensor.LiveCount;

        FluentActions
            .Invoking(() => MicroBatches.Split([first, second], 4, dimension: 1))
            .Should()
            .Throw<ArgumentOutOfRangeException>();

        PipelineTensor.LiveCount.Should().Be(before);
    }

    [Fact]
    public void SplitAndConcat_ReleasedTensor_LeaveNothingBehind()
    {
        using var kept = PipelineTensor.Allocate(PipelineDataType.Float32, 2, 4);
        var released = PipelineTensor.Allocate(PipelineDataType.Float32, 2, 4);
        released.Dispose();
        var before = PipelineTensor.LiveCount;

        FluentActions
            .Invoking(() => MicroBatches.Split(released, 4, dimension: 1))
            .Should()
            .Throw<ObjectDisposedException>();
        FluentActions
            .Invoking(() => MicroBatches.Concat([kept, released]))
            .Should()
            .Throw<ObjectDisposedException>();

        PipelineTensor.LiveCount.Should().Be(before);
    }

    [Fact]
    public void ScratchRent_MoreThanABlockHolds_ThrowsAndStaysUsable()
    {
        var scratch = new ScratchAllocator();

        FluentActions
            .Invoking(() => scratch.Rent<byte>(int.MaxValue))
            .Should()
            .Throw<NotSupportedException>();
        FluentActions
            .Invoking(() => scratch.Rent<long>(int.MaxValue))
            .Should()
            .Throw<NotSupportedException>();

        scratch.Rent<byte>(100).Length.Should().Be(100);
        scratch.Rent<byte>(1 << 20).Length.Should().Be(1 << 20);
        scratch.Release();
    }
}
