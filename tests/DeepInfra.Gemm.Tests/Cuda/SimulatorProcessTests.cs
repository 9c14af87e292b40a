// SPDX-License-Identifier: MIT
using DeepInfra.Testing;

namespace DeepInfra.Gemm.Tests.Cuda;

/// <summary>Runs the tests of the CUDA kernels on the simulator, where it is built and this process does not use it already.</summary>
[Trait("Category", "Sim")]
public sealed class SimulatorProcessTests
{
    [Fact]
    public Task DenseMultiplications_OnTheSimulator_Pass() =>
        Simulator.RunUnlessSimulatedAsync([
            typeof(DenseGemmCudaTests).FullName!,
            typeof(GemmValuesCudaTests).FullName!,
            typeof(GemmFormatsCudaTests).FullName!,
            typeof(CudaGemmTests).FullName!,
            typeof(SteadyStateTests).FullName!,
        ]);
}
