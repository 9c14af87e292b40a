// SPDX-License-Identifier: MIT
using DeepInfra.Conformance.Gemm;
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.Testing;

namespace DeepInfra.Gemm.Tests.Cuda;

/// <summary>Managed memory of calls whose kernel is loaded.</summary>
public sealed class SteadyStateTests
{
    private const int M = 8;
    private const int N = 16;
    private const int K = 128;

    // Launches that wait for the device keep the driver's memory from growing.
    private const int Calls = 20;

    [CudaFact]
    public void Fp8Gemm_WarmKernel_AllocatesNothing()
    {
        using var stream = new CudaStream(Device.Cuda(0));
        using var scope = new TensorScope();
        var inputs = new GemmInputs(1);
        var a = new ScaledTensor(
            inputs.Fp8(M, K).ToDevice(stream.Device, stream),
            inputs.Scales(M, 1).ToDevice(stream.Device, stream)
        );
        var b = new ScaledTensor(
            inputs.Fp8(N, K).ToDevice(stream.Device, stream),
            inputs.Scales(1, 1).ToDevice(stream.Device, stream)
        );
        var d = inputs.Output(DType.Float32, M, N).ToDevice(stream.Device, stream);
        var bias = inputs.Output(DType.Float32, 1, N).ToDevice(stream.Device, stream);
        var call = new GemmCall
        {
            Stream = stream,
            Accumulate = d,
            Bias = bias.AsSelected(0, 0),
        };
        var context = GemmContext.ForDevice(stream.Device);

        AllocationMeasure
            .OfWarm(
                () =>
                {
                    context.Ops.Fp8GemmNT(a, b, d, call);
                    stream.Synchronize();
                },
                Calls
            )
            .Should()
            .Be(0);
    }

    [CudaFact]
    public void Bf16Gemm_WarmKernel_AllocatesNothing()
    {
        using var stream = new CudaStream(Device.Cuda(0));
        using var scope = new TensorScope();
        var inputs = new GemmInputs(2);
        var a = inputs.BFloat16s(M, K).ToDevice(stream.Device, stream);
        var b = inputs.BFloat16s(N, K).ToDevice(stream.Device, stream);
        var d = inputs.Output(DType.BFloat16, M, N).ToDevice(stream.Device, stream);
        var call = new GemmCall { Stream = stream };
        var context = GemmContext.ForDevice(stream.Device);

        AllocationMeasure
            .OfWarm(
                () =>
                {
                    context.Ops.Bf16GemmNT(a, b, d, call);
                    stream.Synchronize();
                },
                Calls
            )
            .Should()
            .Be(0);
    }
}
