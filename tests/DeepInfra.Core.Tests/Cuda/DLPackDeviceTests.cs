// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;
using DeepInfra.Core.Interop;
using DeepInfra.Core.Tests.Interop;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Cuda;

/// <summary>Exchange of device tensors: who sees which work, and when memory goes back.</summary>
[Collection(nameof(CudaCollection))]
public sealed unsafe class DLPackDeviceTests
{
    private static readonly Device s_device = Device.Cuda(0);

    [CudaFact]
    public void ToDLPack_ConsumerStream_SeesWorkOfAllProducers()
    {
        using var first = new CudaStream(s_device);
        using var second = new CudaStream(s_device);
        using var consumer = new CudaStream(s_device);
        var before = DeviceMemory.LiveCount;
        var x = Tensor<int>.Create([1 << 16], first);
        using var lower = x.AsSlice(0, 0, 1 << 15);
        using var upper = x.AsSlice(0, 1 << 15, 1 << 15);
        int[] ones = [.. Enumerable.Repeat(1, 1 << 15)];
        second.Wait(first);
        lower.CopyFrom(ones, first);
        upper.CopyFrom(ones, second);
        x.RecordStream(second);

        var managed = ((Tensor)x).ToDLPack(consumer);

        managed->Tensor.Device.Should().Be(new DLDevice(DLDeviceType.Cuda, 0));
        ((nint)managed->Tensor.Data).Should().Be((nint)x.DataPointer);
        x.Dispose();
        using (var taken = Tensor.FromDLPack(managed, consumer).As<int>())
        {
            taken.Device.Should().Be(s_device);
            taken.ToArray(consumer).Should().OnlyContain(v => v == 1);
        }
        consumer.Synchronize();
        DeviceMemory.LiveCount.Should().Be(before);
    }

    [CudaFact]
    public void ToDLPack_DefaultStream_WaitsForTheProducer()
    {
        using var producer = new CudaStream(s_device);
        using var x = Tensor<byte>.Create([16 << 20], producer);
        using var host = Tensor<byte>.CreatePinned([16 << 20], s_device);
        for (var i = 0; i < 40; i++)
            x.CopyTo(host, producer);
        DLManagedTensorVersioned* managed = null;
        // A thread of its own, on which no context is current.
        var thread = new Thread(() => managed = ((Tensor)x).ToDLPack(CudaStream.Default(s_device)));
        thread.Start();
        thread.Join();

        CudaStream.Default(s_device).Synchronize();

        producer.IsCompleted.Should().BeTrue();
        managed->Deleter(managed);
    }

    [CudaFact]
    public void FromDLPack_IdleStreams_DeletesAtOnce()
    {
        using var stream = new CudaStream(s_device);
        using var memory = Tensor<float>.Create([6], stream);
        using var foreign = OnDevice(memory, out var managed);

        var tensor = Tensor.FromDLPack(managed, stream);
        stream.Synchronize();
        foreign.Deletions.Should().Be(0);
        tensor.Dispose();

        foreign.Deletions.Should().Be(1);
    }

    [CudaFact]
    public void FromDLPack_WorkUnderway_DeletesAfterIt()
    {
        using var stream = new CudaStream(s_device);
        using var other = new CudaStream(s_device);
        using var memory = Tensor<float>.Create([6], stream);
        memory.CopyFrom([1, 2, 3, 4, 5, 6], stream);
        using var target = Tensor<float>.CreatePinned([6], s_device);
        using var foreign = OnDevice(memory, out var managed);
        other.Wait(stream);

        var tensor = Tensor.FromDLPack(managed, stream);
        for (var i = 0; i < 100; i++)
            tensor.CopyTo(target, other);
        tensor.RecordStream(other);
        tensor.Dispose();

        SpinWait.SpinUntil(() => foreign.Deletions > 0, TimeSpan.FromSeconds(60)).Should().BeTrue();
        // Nothing is left to wait for.
        other.IsCompleted.Should().BeTrue();
        foreign.Deletions.Should().Be(1);
        target.ToArray().Should().Equal(1, 2, 3, 4, 5, 6);
    }

    [CudaFact]
    public void FromDLPack_StreamCaptures_DeletesAfterIt()
    {
        using var stream = new CudaStream(s_device);
        using var memory = Tensor<float>.Create([6], stream);
        using var other = Tensor<float>.Create([6], stream);
        using var foreign = OnDevice(memory, out var managed);
        var tensor = Tensor.FromDLPack(managed, stream);

        stream.BeginCapture();
        tensor.Dispose();
        CudaTensor.Fill(other, BitConverter.SingleToUInt32Bits(1), stream);
        foreign.Deletions.Should().Be(0);
        using var graph = stream.EndCapture();

        SpinWait.SpinUntil(() => foreign.Deletions > 0, TimeSpan.FromSeconds(60)).Should().BeTrue();
        using var executable = graph.Instantiate();
        executable.Launch(stream);
        other.ToArray(stream).Should().OnlyContain(v => v == 1);
        foreign.Deletions.Should().Be(1);
    }

    [CudaFact]
    public void ToDLPack_TensorOfTheHost_RefusesAStream()
    {
        using var stream = new CudaStream(s_device);
        using var host = Tensor<float>.Create([4]);

        var call = () =>
        {
            var managed = ((Tensor)host).ToDLPack(stream);
            managed->Deleter(managed);
        };

        call.Should().Throw<ArgumentException>().WithMessage("consumer: expected none*on cpu*");
    }

    [CudaFact]
    public void FromDLPack_StreamOfAnotherDevice_DeletesAndThrows()
    {
        using var stream = new CudaStream(s_device);
        using var foreign = new ForeignTensor([6]);

        foreign
            .Invoking(f => Tensor.FromDLPack(f.Versioned, stream))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("stream: expected none*on cpu*");

        foreign.Deletions.Should().Be(1);
    }

    // The memory of a tensor of ours, as if another library owned it.
    private static ForeignTensor OnDevice(
        Tensor<float> memory,
        out DLManagedTensorVersioned* managed
    )
    {
        var foreign = new ForeignTensor([6]);
        managed = foreign.Versioned;
        managed->Tensor.Data = memory.DataPointer;
        managed->Tensor.Device = new DLDevice(DLDeviceType.Cuda, 0);
        return foreign;
    }
}
