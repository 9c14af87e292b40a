// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;

namespace DeepInfra.Core.Tests.Cuda;

public class CudaErrorsTests
{
    [Theory]
    [InlineData(CudaErrorCode.OutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY")]
    [InlineData(CudaErrorCode.NoBinaryForGpu, "CUDA_ERROR_NO_BINARY_FOR_GPU")]
    [InlineData(CudaErrorCode.InvalidPtx, "CUDA_ERROR_INVALID_PTX")]
    [InlineData((CudaErrorCode)12345, "CUresult 12345")]
    public void ErrorName_IsThatOfTheHeaders(CudaErrorCode code, string name) =>
        new CudaException(code, "cuCall").ErrorName.Should().Be(name);

    [Fact]
    public void Message_NamesCallCodeAndRemedy()
    {
        var e = new CudaException(CudaErrorCode.IllegalAddress, "cuStreamSynchronize");

        e.Message.Should()
            .StartWith("cuStreamSynchronize failed with CUDA_ERROR_ILLEGAL_ADDRESS (700). ")
            .And.EndWith(e.Hint);
        e.IsSticky.Should().BeTrue();
        e.Operation.Should().Be("cuStreamSynchronize");
    }

    [Fact]
    public void IsSticky_ErrorsThatLeaveTheDeviceUsable_IsFalse()
    {
        foreach (
            var code in new[]
            {
                CudaErrorCode.OutOfMemory,
                CudaErrorCode.InvalidValue,
                CudaErrorCode.NotReady,
                CudaErrorCode.LaunchOutOfResources,
                CudaErrorCode.StreamCaptureInvalidated,
            }
        )
            new CudaException(code, "").IsSticky.Should().BeFalse(code.ToString());
    }

    [Theory]
    [InlineData("sm_90a", 90)]
    [InlineData("sm_80", 80)]
    [InlineData("sm_100f", 100)]
    public void Architecture_HasANumber(string name, int number) =>
        CudaArchitecture.NumberOf(name).Should().Be(number);
}
