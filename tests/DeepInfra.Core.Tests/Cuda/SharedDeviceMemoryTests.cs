// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Cuda;

[Collection(nameof(CudaCollection))]
public class SharedDeviceMemoryTests
{
    private const string HandleVariable = "DEEPINFRA_TEST_IPC_HANDLE";

    private static readonly Device s_device = Device.Cuda(0);

    [CudaFact]
    public async Task Open_InAnotherProcess_SharesTheMemory()
    {
        using var memory = SharedDeviceMemory.Allocate(4096, s_device);
        using var x = memory.AsTensor<int>([1024]);
        using var stream = new CudaStream(s_device);
        x.CopyFrom([.. Enumerable.Range(0, 1024)], stream);
        var handle = memory.ExportHandle();
        handle.Should().HaveCount(SharedDeviceMemory.HandleBytes);

        await ChildProcess.RunTestClassesAsync(
            [typeof(Child).FullName!],
            new Dictionary<string, string?> { [HandleVariable] = Convert.ToHexString(handle) }
        );

        x.ToArray(stream).Should().Equal(Enumerable.Range(1, 1024));
    }

    [CudaFact]
    public void AsTensor_OutlivesTheObject_AndMustFit()
    {
        var before = DeviceMemory.LiveBytes;
        var memory = SharedDeviceMemory.Allocate(64, s_device);
        var x = memory.AsTensor<int>([8], byteOffset: 32);
        memory.Invoking(m => m.AsTensor<int>([9], 32)).Should().Throw<ArgumentException>();
        memory.Invoking(m => m.AsTensor<int>([1], -4)).Should().Throw<ArgumentException>();

        memory.Dispose();

        memory.IsDisposed.Should().BeTrue();
        memory.Invoking(m => m.AsTensor<int>([8])).Should().Throw<ObjectDisposedException>();
        DeviceMemory.LiveBytes.Should().Be(before + 64);
        using (var stream = new CudaStream(s_device))
        {
            x.CopyFrom([1, 2, 3, 4, 5, 6, 7, 8], stream);
            x.ToArray(stream).Should().Equal(1, 2, 3, 4, 5, 6, 7, 8);
        }
        x.Dispose();
        DeviceMemory.LiveBytes.Should().Be(before);
        memory.Invoking(m => m.ExportHandle()).Should().Throw<ObjectDisposedException>();
    }

    [CudaFact]
    public void Open_HandleOfWrongLength_Throws() =>
        FluentActions
            .Invoking(() => SharedDeviceMemory.Open(new byte[3], 1, s_device))
            .Should()
            .Throw<ArgumentException>()
            .WithMessage("handle: expected 64 bytes, got 3*");

    [Collection(nameof(CudaCollection))]
    public class Child
    {
        [CudaFact]
        public void Handle_FromTheParent_OpensItsMemory()
        {
            var handle = Environment.GetEnvironmentVariable(HandleVariable);
            Assert.SkipWhen(handle is null, "only meaningful in a child process");
            using var stream = new CudaStream(s_device);
            using var memory = SharedDeviceMemory.Open(
                Convert.FromHexString(handle!),
                4096,
                s_device
            );
            using var x = memory.AsTensor<int>([1024]);
            var values = x.ToArray(stream);
            values.Should().Equal(Enumerable.Range(0, 1024));

            x.CopyFrom([.. values.Select(v => v + 1)], stream);
            memory.Invoking(m => m.ExportHandle()).Should().Throw<InvalidOperationException>();
        }
    }
}
