// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Testing;

namespace DeepInfra.Cuda.Tests;

/// <summary>
/// This assembly runs on the simulator, unless a GPU is asked for (<c>DEEPINFRA_REQUIRE_GPU=1</c>). The choice is the process's and must
/// be made before the first use of a device.
/// </summary>
internal static class SimulatorSelection
{
    [ModuleInitializer]
    internal static void Select()
    {
        NativeLibraries.UseBuilt();
        if (!GpuRequirement.IsGpuRequired)
            Environment.SetEnvironmentVariable("DEEPINFRA_CUDA", "sim");
    }
}
