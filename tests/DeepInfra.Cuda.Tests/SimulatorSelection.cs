// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DeepInfra.Testing;

[assembly: Trait("Category", "Sim")]

namespace DeepInfra.Cuda.Tests;

/// <summary>
/// This assembly runs on the simulator, unless a GPU is asked for (<c>DEEPINFRA_REQUIRE_GPU=1</c>). The choice is the process's and must
/// be made before the first use of a device. There are 8 devices: a test that loses one uses a high number that no other test needs.
/// </summary>
internal static partial class SimulatorSelection
{
    [ModuleInitializer]
    internal static void Select()
    {
        NativeLibraries.UseBuilt();
        if (GpuRequirement.IsGpuRequired)
            return;
        Environment.SetEnvironmentVariable("DEEPINFRA_CUDA", "sim");
        // The simulator reads the environment of C, which the runtime does not change.
        if (OperatingSystem.IsLinux())
            _ = SetEnvironment("DEEPINFRA_CUDASIM_DEVICES", "8", 0);
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
