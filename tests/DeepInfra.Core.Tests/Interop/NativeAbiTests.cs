// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;
using DeepInfra.Core.Interop;

namespace DeepInfra.Core.Tests.Interop;

public sealed class NativeAbiTests
{
    [Theory]
    [InlineData(0x0001_0002u, 0x0001_0002u, true)]
    [InlineData(0x0001_0002u, 0x0001_0003u, true)]
    [InlineData(0x0001_0002u, 0x0001_0001u, false)]
    [InlineData(0x0001_0002u, 0x0002_0002u, false)]
    [InlineData(0x0002_0000u, 0x0001_FFFFu, false)]
    public void IsCompatible_Versions_NeedEqualMajorAndNoOlderMinor(
        uint expected,
        uint actual,
        bool isCompatible
    )
    {
        NativeAbi.IsCompatible(expected, actual).Should().Be(isCompatible);
    }

    [Theory]
    [InlineData((int)NativeStatus.InvalidArgument, typeof(ArgumentException))]
    [InlineData((int)NativeStatus.NotSupported, typeof(NotSupportedException))]
    [InlineData((int)NativeStatus.OutOfMemory, typeof(InsufficientMemoryException))]
    [InlineData((int)NativeStatus.Timeout, typeof(TimeoutException))]
    [InlineData((int)NativeStatus.Cancelled, typeof(OperationCanceledException))]
    [InlineData((int)NativeStatus.IoError, typeof(IOException))]
    [InlineData((int)NativeStatus.AbiMismatch, typeof(NativeAbiMismatchException))]
    [InlineData((int)NativeStatus.Internal, typeof(DeepInfraException))]
    public void ToException_Status_PicksTheType(int status, Type type)
    {
        var exception = NativeStatusExtensions.ToException((NativeStatus)status, "op", "why", 0);

        exception.Should().BeOfType(type);
        exception.Message.Should().Contain("op: why");
    }

    [Fact]
    public void ToException_DeviceError_KeepsTheDriversCode()
    {
        var exception = NativeStatusExtensions.ToException(
            NativeStatus.DeviceError,
            "op",
            "why",
            719
        );

        exception.Should().BeOfType<CudaException>().Which.Code.Should().Be((CudaErrorCode)719);
    }
}
