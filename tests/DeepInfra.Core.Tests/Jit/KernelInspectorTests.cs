// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;
using DeepInfra.Core.Jit;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Jit;

public sealed class KernelInspectorTests
{
    private static readonly KernelSpec s_spec = new(
        "scale",
        """
        extern "C" __global__ void scale(float* x, float factor, int n) {
            __shared__ float copy[64];
            int i = blockIdx.x * 64 + threadIdx.x;
            copy[threadIdx.x] = i < n ? x[i] : 0;
            __syncthreads();
            if (i < n)
                x[i] = copy[63 - threadIdx.x] * factor;
        }
        """,
        "sm_90a"
    )
    {
        EntrySymbol = "scale",
        Description = "64 threads",
    };

    [NvrtcFact]
    public void Describe_WithoutDevice_ShowsCodeAndResources()
    {
        var inspection = KernelInspector.Describe(s_spec);

        inspection.Spec.Should().BeSameAs(s_spec);
        inspection.Kernel.Registers.Should().BePositive();
        inspection.Kernel.StaticSharedBytes.Should().BeGreaterThanOrEqualTo(64 * sizeof(float));
        inspection.Ptx.Should().Contain(".target sm_90a").And.Contain(".entry scale");
        inspection.Waves.Should().BeNull();
        if (inspection.Sass.Length > 0)
        {
            inspection.Instructions.Should().ContainKey("BAR").WhoseValue.Should().Be(1);
            inspection.Instructions.Should().ContainKeys("LDG", "STG", "LDS", "STS", "EXIT");
        }
        inspection
            .ToString()
            .Should()
            .Contain("scale for sm_90a (64 threads)")
            .And.MatchRegex(@"registers: +\d+");
    }

    [NvrtcFact]
    public void Describe_SourceWithAnError_Throws()
    {
        var spec = new KernelSpec("wrong", "nonsense", "sm_90a") { EntrySymbol = "f" };

        spec.Invoking(KernelInspector.Describe).Should().Throw<KernelCompilationException>();
    }
}

/// <summary>Inspection with a device.</summary>
[Collection(nameof(Core.Tests.Cuda.CudaCollection))]
public sealed class KernelInspectorDeviceTests
{
    [CudaFact]
    public void Describe_OnADevice_ShowsOccupancyAndWaves()
    {
        var device = CudaDevice.Get(0);
        var spec = new KernelSpec(
            "idle",
            "extern \"C\" __global__ void idle() {}",
            device.Architecture
        )
        {
            EntrySymbol = "idle",
        };
        var grid = 3 * device.MultiprocessorCount;

        var inspection = KernelInspector.Describe(
            spec,
            device.Device,
            new LaunchConfig(grid, 256)
            {
                // Half of what one block may have, with the KiB that the system takes of each.
                DynamicSharedBytes = device.SharedMemoryPerBlockBytes / 2 - 1024,
            }
        );

        inspection.BlocksPerMultiprocessor.Should().Be(2);
        inspection.Waves.Should().Be(1.5);
        inspection.ToString().Should().Contain("2 blocks per multiprocessor, 1.50 waves");
    }

    [CudaFact]
    public void Describe_KernelOfAnotherArchitecture_Throws()
    {
        var spec = new KernelSpec("f", "extern \"C\" __global__ void f() {}", "sm_80a")
        {
            EntrySymbol = "f",
        };

        var call = () => KernelInspector.Describe(spec, Device.Cuda(0), new LaunchConfig(1, 32));

        call.Should().Throw<CudaException>().WithMessage("*compiled for sm_80a*");
    }
}
