// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;

namespace DeepInfra.Cuda.Tests;

/// <summary>What elementwise operations refuse; what they compute is in the conformance suites of this assembly.</summary>
[Trait("Category", "Gpu")]
public sealed class CudaTensorTests : DeviceTest
{
    [Fact]
    public void Cast_SharedMemory_IsRefused()
    {
        var x = Empty(DType.Float32, [8]);

        var act = () => CudaTensor.Cast(x, x, Stream);

        act.Should().Throw<ArgumentException>().WithMessage("*destination overlaps source*");
    }
}
