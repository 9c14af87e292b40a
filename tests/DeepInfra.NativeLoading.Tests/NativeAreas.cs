// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.Core.Interop;
using DeepInfra.FlashMla;
using DeepInfra.FlashMla.Interop;

namespace DeepInfra.NativeLoading.Tests;

/// <summary>The areas with a native library: a further one adds a line, and all tests of loading cover it.</summary>
internal static class NativeAreas
{
    private static readonly TestedArea[] s_all =
    [
        new(
            "core",
            "DeepInfra.Core.Cuda.linux-x64",
            CoreNativeMethods.HeaderAbiVersion,
            Fill,
            HostTensors
        ),
        new(
            "flashmla",
            "DeepInfra.FlashMla.Cuda.linux-x64",
            FlashMlaNativeMethods.HeaderAbiVersion,
            () => MlaDecodePlan.Create(Device.Cuda(0), new()),
            HostPlan
        ),
    ];

    public static IEnumerable<string> Names => s_all.Select(a => a.Name);

    public static TestedArea Get(string name) => s_all.Single(a => a.Name == name);

    private static void Fill()
    {
        using var stream = new CudaStream(Device.Cuda(0));
        using var x = Tensor<float>.Create([4], stream);
        CudaTensor.Fill(x, 0, stream);
    }

    private static void HostTensors()
    {
        using var stream = new CudaStream(Device.Cuda(0));
        using var x = Tensor<float>.Create([4], stream);
        using var y = Tensor<float>.Create([4]);
        y.Fill(1);
        x.CopyFrom([1, 2, 3, 4], stream);
    }

    private static void HostPlan()
    {
        using var plan = MlaDecodePlan.Create(Device.Cpu, new());
        plan.Update([5]);
    }
}

/// <summary>An area under test.</summary>
/// <param name="Name">The area in the names of its functions.</param>
/// <param name="Package">The package that an exception must name.</param>
/// <param name="AbiVersion">The version of the bindings.</param>
/// <param name="Use">An operation that needs the library.</param>
/// <param name="UseWithout">Operations of the package that do not.</param>
internal sealed record TestedArea(
    string Name,
    string Package,
    uint AbiVersion,
    Action Use,
    Action UseWithout
)
{
    public string LibraryName => $"deepinfra_{Name}";
}
