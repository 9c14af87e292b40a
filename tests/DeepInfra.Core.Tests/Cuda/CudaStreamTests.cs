// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Cuda;

[Collection(nameof(CudaCollection))]
public class CudaStreamTests
{
    private static readonly Device s_device = Device.Cuda(0);

    [CudaFact]
    public void Launch_Kernel_Computes()
    {
        using var stream = new CudaStream(s_device);
        using var x = Tensor<float>.Create([1000], stream);

        Add(x, 2.5f, stream);

        x.ToArray(stream).Should().OnlyContain(v => v == 2.5f);
    }

    [CudaFact]
    public unsafe void Launch_DynamicSharedMemoryAboveTheDefault_OptsIn()
    {
        using var stream = new CudaStream(s_device);
        using var x = Tensor<int>.Create([64], stream);
        using var y = Tensor<int>.Create([64], stream);
        x.CopyFrom([.. Enumerable.Range(0, 64)], stream);

        TestKernels.Reverse.Launch(
            new LaunchConfig(1, 64, 100 << 10),
            stream,
            (nint)x.DataPointer,
            (nint)y.DataPointer
        );

        y.ToArray(stream).Should().Equal(Enumerable.Range(0, 64).Reverse());
    }

    [CudaFact]
    public void Launch_EmptyGrid_DoesNothing()
    {
        using var stream = new CudaStream(s_device);

        TestKernels.Add.Launch(new LaunchConfig(0, 32), stream, (nint)0, 1f, 0);

        stream.Synchronize();
    }

    [CudaFact]
    public async Task WaitAsync_AfterWork_Completes()
    {
        using var stream = new CudaStream(s_device);
        using var x = Tensor<float>.Create([256], stream);
        for (var i = 0; i < 20; i++)
            Add(x, 1, stream);

        await stream
            .WaitAsync(TestContext.Current.CancellationToken)
            .AsTask()
            .WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);

        // The host function that ends the wait is work of the stream itself and returns a moment later.
        SpinWait.SpinUntil(() => stream.IsCompleted, TimeSpan.FromSeconds(60)).Should().BeTrue();
        x.ToArray(stream).Should().OnlyContain(v => v == 20);
    }

    [CudaFact]
    public async Task WaitAsync_Cancelled_AbandonsTheWaitOnly()
    {
        using var stream = new CudaStream(s_device);
        using var x = Tensor<float>.Create([256], stream);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        Add(x, 1, stream);

        await FluentActions
            .Awaiting(() => stream.WaitAsync(cancelled.Token).AsTask())
            .Should()
            .ThrowAsync<OperationCanceledException>();

        x.ToArray(stream).Should().OnlyContain(v => v == 1);
    }

    [CudaFact]
    public void Wait_OtherStream_OrdersTheWork()
    {
        using var first = new CudaStream(s_device);
        using var second = new CudaStream(s_device);
        using var x = Tensor<float>.Create([128], first);
        for (var round = 0; round < 10; round++)
        {
            Add(x, 1, first);
            second.Wait(first);
            Add(x, 1, second);
            first.Wait(second);
        }

        x.ToArray(first).Should().OnlyContain(v => v == 20);
    }

    [CudaFact]
    public void Dispose_TensorRightAfterLaunch_IsSafe()
    {
        using var producer = new CudaStream(s_device);
        using var consumer = new CudaStream(s_device);
        using var result = Tensor<float>.Create([64], consumer);
        var x = Tensor<float>.Create([64], producer);
        Add(x, 3, producer);
        consumer.Wait(producer);
        x.CopyTo(result, consumer);
        x.Dispose();
        // Takes the memory of the tensor above, if it is free too early.
        using var y = Tensor<float>.Create([64], producer);
        Add(y, 5, producer);

        result.ToArray(consumer).Should().OnlyContain(v => v == 3);
    }

    [CudaFact]
    public void Event_RecordedAndTimed_Completes()
    {
        using var stream = new CudaStream(s_device);
        using var start = new CudaEvent(s_device, timing: true);
        using var end = new CudaEvent(s_device, timing: true);
        using var plain = new CudaEvent(s_device);
        using var x = Tensor<float>.Create([64], stream);
        start.Record(stream);
        Add(x, 1, stream);
        end.Record(stream);

        end.Synchronize();

        end.IsCompleted.Should().BeTrue();
        end.ElapsedMilliseconds(start).Should().BeGreaterThanOrEqualTo(0);
        end.Invoking(e => e.ElapsedMilliseconds(plain)).Should().Throw<InvalidOperationException>();
    }

    [CudaFact]
    public void Default_IsShared_AndDisposeDoesNothing()
    {
        var stream = CudaStream.Default(s_device);
        stream.Dispose();

        CudaStream.Default(s_device).Should().BeSameAs(stream);
        stream.IsDisposed.Should().BeFalse();
        using var x = Tensor<float>.Create([8], stream);
        Add(x, 1, stream);
        x.ToArray(stream).Should().OnlyContain(v => v == 1);
        stream.Invoking(s => s.BeginCapture()).Should().Throw<InvalidOperationException>();
    }

    [CudaFact]
    public void Kernel_Resources_AreReported()
    {
        var resources = TestKernels.Add.GetResources(s_device);

        resources.MaxThreadsPerBlock.Should().BePositive();
        TestKernels.Add.GetMaxActiveBlocks(s_device, 128).Should().BePositive();
    }

    [CudaFact]
    public void Device_Properties_AreConsistent()
    {
        var device = CudaDevice.Get(0);

        device.ComputeCapability.Should().BeGreaterThanOrEqualTo(80);
        device.MultiprocessorCount.Should().BePositive();
        device.SharedMemoryPerBlockBytes.Should().BeGreaterThan(48 << 10);
        device.MaxThreadsPerBlock.Should().Be(1024);
        device.GetMemoryInfo().TotalBytes.Should().BePositive();
        device.CanAccessPeer(device).Should().BeTrue();
        device.Name.Should().NotBeEmpty();
        device.PciBusId.Should().NotBeEmpty();
        device.Uuid.Should().NotBe(Guid.Empty);
        device.ToString().Should().StartWith("cuda:0: ");
    }

    private static unsafe void Add(Tensor<float> x, float value, CudaStream stream)
    {
        var n = (int)x.ElementCount;
        TestKernels.Add.Launch(
            new LaunchConfig((n + 127) / 128, 128),
            stream,
            (nint)x.DataPointer,
            value,
            n
        );
        x.RecordStream(stream);
    }
}
