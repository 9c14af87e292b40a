// SPDX-License-Identifier: MIT
using System.Globalization;
using DeepInfra.Testing;

namespace DeepInfra.FlashMla.Tests.Cuda;

/// <summary>Runs the tests of the CUDA kernels on the simulator, where it is built and this process does not use it already.</summary>
[Trait("Category", "Sim")]
public sealed class SimulatorProcessTests
{
    [Fact]
    public Task Decode_OnTheSimulator_Passes() =>
        Simulator.RunUnlessSimulatedAsync([
            typeof(DenseDecodeCudaTests).FullName!,
            typeof(CudaDecodeTests).FullName!,
            typeof(CudaCacheTests).FullName!,
        ]);

    [Fact]
    [Trait("Category", "Slow")]
    public Task DecodeMatrix_OnTheSimulator_Passes() =>
        Simulator.RunUnlessSimulatedAsync([typeof(DenseDecodeMatrixCudaTests).FullName!]);

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Decode_UnderManySchedules_Passes()
    {
        for (var seed = 1; seed <= 20; seed++)
            await Simulator.RunAsync(
                [typeof(DenseDecodeCudaTests).FullName!],
                ("DEEPINFRA_CUDASIM_SEED", seed.ToString(CultureInfo.InvariantCulture))
            );
    }
}
