// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Testing;

[assembly: Trait("Category", "Sim")]

namespace DeepInfra.Cuda.Tests;

/// <summary>
/// This assembly runs on the simulator, unless a GPU is asked for (<c>DEEPINFRA_REQUIRE_GPU=1</c>). There are 8 devices: a test that
/// loses one uses a high number that no other test needs.
/// </summary>
internal static class SimulatorSelection
{
    [ModuleInitializer]
    internal static void Select()
    {
        NativeLibraries.UseBuilt();
        if (!GpuRequirement.IsGpuRequired)
            Simulator.Select(devices: 8);
    }
}
