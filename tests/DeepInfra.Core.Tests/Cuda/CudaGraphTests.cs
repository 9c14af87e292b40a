// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Cuda;

[Collection(nameof(CudaCollection))]
public unsafe class CudaGraphTests
{
    private static readonly Device s_device = Device.Cuda(0);

    [CudaFact]
    public void Launch_CapturedWork_RunsEachTime()
    {
        using var stream = new CudaStream(s_device);
        using var x = Tensor<float>.Create([64], stream);
        _ = TestKernels.Add;
        stream.BeginCapture();
        stream.IsCapturing.Should().BeTrue();
        Add(x, 1, stream);
        Add(x, 2, stream);
        using var graph = stream.EndCapture();
        using var exec = graph.Instantiate();
        graph.NodeCount.Should().Be(2);
        x.ToArray(stream).Should().OnlyContain(v => v == 0);

        exec.Launch(stream);
        exec.Launch(stream);

        x.ToArray(stream).Should().OnlyContain(v => v == 6);
    }

    [CudaFact]
    public void Capture_TensorDisposedAfterwards_LivesAsLongAsTheGraph()
    {
        var before = DeviceMemory.LiveCount;
        using var stream = new CudaStream(s_device);
        using var y = Tensor<float>.Create([64], stream);
        var x = Tensor<float>.Create([64], stream);
        Add(x, 4, stream);
        stream.BeginCapture();
        x.CopyTo(y, stream);
        var graph = stream.EndCapture();
        x.Dispose();
        x.IsDisposed.Should().BeTrue();
        DeviceMemory.LiveCount.Should().Be(before + 2);
        var exec = graph.Instantiate();
        graph.Dispose();
        using var other = Tensor<float>.Create([64], stream);

        exec.Launch(stream);
        exec.Dispose();

        DeviceMemory.LiveCount.Should().Be(before + 2, "y and other");
        y.ToArray(stream).Should().OnlyContain(v => v == 4);
    }

    [CudaFact]
    public void Capture_ForkedStream_TakesPart()
    {
        var before = DeviceMemory.LiveCount;
        using var stream = new CudaStream(s_device);
        using var side = new CudaStream(s_device);
        using var y = Tensor<float>.Create([64], stream);
        var x = Tensor<float>.Create([64], stream);
        _ = TestKernels.Add;
        stream.BeginCapture();
        side.Wait(stream);
        side.IsCapturing.Should().BeTrue();
        Add(x, 1, side);
        Add(y, 1, stream);
        stream.Wait(side);
        side.Invoking(s => s.EndCapture()).Should().Throw<InvalidOperationException>();
        using (var graph = stream.EndCapture())
        using (var exec = graph.Instantiate())
        {
            side.IsCapturing.Should().BeFalse();
            x.Dispose();
            DeviceMemory.LiveCount.Should().Be(before + 2);
            exec.Launch(stream);
        }

        DeviceMemory.LiveCount.Should().Be(before + 1);
        y.ToArray(stream).Should().OnlyContain(v => v == 1);
    }

    [CudaFact]
    public void TryUpdate_SameTopology_TakesNewParameters()
    {
        using var stream = new CudaStream(s_device);
        using var x = Tensor<float>.Create([64], stream);
        using var first = Capture(stream, () => Add(x, 1, stream));
        using var second = Capture(stream, () => Add(x, 10, stream));
        using var longer = Capture(
            stream,
            () =>
            {
                Add(x, 1, stream);
                Add(x, 1, stream);
            }
        );
        using var exec = first.Instantiate();

        exec.TryUpdate(second).Should().BeTrue();
        exec.TryUpdate(longer).Should().BeFalse();
        exec.Launch(stream);

        x.ToArray(stream).Should().OnlyContain(v => v == 10);
    }

    [CudaFact]
    public void Capture_WhatAGraphCannotHold_Throws()
    {
        using var stream = new CudaStream(s_device);
        using var x = Tensor<float>.Create([4], stream);
        stream.BeginCapture(CudaCaptureMode.Relaxed);

        stream
            .Invoking(s => Tensor<float>.Create([4], s))
            .Should()
            .Throw<InvalidOperationException>();
        stream.Invoking(s => x.ToArray(s)).Should().Throw<InvalidOperationException>();
        stream.Invoking(s => s.BeginCapture()).Should().Throw<InvalidOperationException>();
        stream
            .Invoking(s => s.WaitAsync(TestContext.Current.CancellationToken).AsTask())
            .Should()
            .ThrowAsync<InvalidOperationException>();

        stream.EndCapture().Dispose();
        stream.Invoking(s => s.EndCapture()).Should().Throw<InvalidOperationException>();
    }

    [CudaFact]
    public void Dispose_WhatOthersStillNeed_IsDisposedAllTheSame()
    {
        var stream = new CudaStream(s_device);
        using var other = new CudaStream(s_device);
        using var x = Tensor<float>.Create([64], stream);
        var memory = DeviceMemory.Allocate(256, other);
        other.BeginCapture();
        memory.RecordStream(other);
        using var graph = other.EndCapture();

        // The tensor will be freed on the stream, and the graph keeps the memory.
        stream.Dispose();
        memory.Dispose();

        stream.IsDisposed.Should().BeTrue();
        stream.Invoking(s => s.Synchronize()).Should().Throw<ObjectDisposedException>();
        x.Invoking(t => t.RecordStream(stream)).Should().Throw<ObjectDisposedException>();
        memory.IsDisposed.Should().BeTrue();
        memory.Invoking(m => m.RecordStream(other)).Should().Throw<ObjectDisposedException>();
    }

    [CudaFact]
    public void Dispose_StreamThatCaptures_EndsTheCapture()
    {
        var before = DeviceMemory.LiveCount;
        var stream = new CudaStream(s_device);
        var x = Tensor<float>.Create([64], stream);
        _ = TestKernels.Add;
        stream.BeginCapture();
        Add(x, 1, stream);
        x.Dispose();

        stream.Dispose();

        DeviceMemory.LiveCount.Should().Be(before);
    }

    [CudaFact]
    public void Dispose_PinnedMemoryWhileItsStreamCaptures_IsNotReusedBefore()
    {
        const int bytes = 3 << 20;
        PinnedMemory.TrimPool();
        using var stream = new CudaStream(s_device);
        var first = PinnedMemory.Allocate(bytes, s_device);
        var address = (nint)first.Pointer;
        // Work enqueued before the capture may still use the memory.
        first.RecordStream(stream);
        stream.BeginCapture();
        first.Dispose();

        using (var second = PinnedMemory.Allocate(bytes, s_device))
            ((nint)second.Pointer).Should().NotBe(address);
        stream.EndCapture().Dispose();
        stream.Synchronize();

        var held = new List<PinnedMemory>();
        SpinWait
            .SpinUntil(
                () =>
                {
                    held.Add(PinnedMemory.Allocate(bytes, s_device));
                    return (nint)held[^1].Pointer == address;
                },
                TimeSpan.FromSeconds(10)
            )
            .Should()
            .BeTrue();
        held.ForEach(memory => memory.Dispose());
        PinnedMemory.TrimPool();
    }

    [CudaFact]
    public void WaitAsync_CaptureBegunMeanwhile_LeavesTheCaptureAlone()
    {
        var token = TestContext.Current.CancellationToken;
        using var stream = new CudaStream(s_device);
        using var wait = new StreamWait(stream, id: -1, token);
        stream.BeginCapture();

        wait.LookForError();

        wait.Task.IsCompleted.Should().BeFalse();
        stream.EndCapture().Dispose();
        wait.Complete();
        wait.Task.IsCompletedSuccessfully.Should().BeTrue();
    }

    private static CudaGraph Capture(CudaStream stream, Action work)
    {
        _ = TestKernels.Add;
        stream.BeginCapture();
        work();
        return stream.EndCapture();
    }

    private static void Add(Tensor<float> x, float value, CudaStream stream)
    {
        TestKernels.Add.Launch(
            new LaunchConfig(1, 64),
            stream,
            (nint)x.DataPointer,
            value,
            (int)x.ElementCount
        );
        x.RecordStream(stream);
    }
}
