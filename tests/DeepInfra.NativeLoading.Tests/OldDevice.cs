// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.Gemm;
using DeepInfra.NativeLoading.Tests.Fakes;

namespace DeepInfra.NativeLoading.Tests;

/// <summary>Tests for a child process on the fake driver, whose device has compute capability 8.0; see <see cref="DriverErrorTests"/>.</summary>
public class OldDevice
{
    [ScenarioTest]
    public void Multiplications_OnADeviceWithoutTheInstructions_SayWhatTheyNeed()
    {
        Scenario.Require("ampere");
        using var stream = new CudaStream(Device.Cuda(0));
        using var scope = new TensorScope();
        var gemm = GemmContext.ForDevice(Device.Cuda(0));
        var a = Tensor<BFloat16>.Create([16, 128], stream);
        var codes = Tensor<Float8E4M3>.Create([16, 128], stream);
        var scales = Tensor<float>.Create([16, 1], stream);
        var block = Tensor<float>.Create([1, 1], stream);
        var d = Tensor<float>.Create([16, 16], stream);
        var call = new GemmCall { Stream = stream };
        FakeControl.TakeLog();

        FluentActions
            .Invoking(() => gemm.Ops.Bf16GemmNT(a, a, d, call))
            .Should()
            .Throw<NotSupportedException>()
            .WithMessage("BFloat16 multiplications have kernels for compute capability 9.0*8.0*");
        FluentActions
            .Invoking(() => gemm.Ops.Fp8GemmNT(new(codes, scales), new(codes, block), d, call))
            .Should()
            .Throw<NotSupportedException>()
            .WithMessage("FP8 multiplications need compute capability 8.9*8.0*");

        FakeControl
            .TakeLog()
            .Should()
            .NotContain(l => l.StartsWith("launch", StringComparison.Ordinal));
    }
}
