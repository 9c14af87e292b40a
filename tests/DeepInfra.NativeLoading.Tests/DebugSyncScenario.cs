// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.NativeLoading.Tests.Fakes;

namespace DeepInfra.NativeLoading.Tests;

/// <summary>Test for a child process on the fake driver; see <see cref="DriverErrorTests"/>.</summary>
public class DebugSyncScenario
{
    [ScenarioTest]
    public void Launch_KernelFaults_IsNamedAtTheLaunch()
    {
        Scenario.Require("sync");
        using var stream = new CudaStream(Device.Cuda(0));
        using var library = CudaLibrary.Load([1]);
        var kernel = library.GetKernel("culprit");
        using var fault = FakeControl.Set("fault", 716);

        kernel
            .Invoking(k => k.Launch(new LaunchConfig(1, 32), stream))
            .Should()
            .Throw<CudaException>()
            .WithMessage("culprit on cuda:0 failed with CUDA_ERROR_MISALIGNED_ADDRESS*");
    }
}
