// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core.Cuda;
using Xunit.v3;

namespace DeepInfra.Testing;

/// <summary>
/// A fact that needs a CUDA driver, the simulator's (<c>DEEPINFRA_CUDA=sim</c>) or a real one; skipped with a reason without, or failed
/// if <c>DEEPINFRA_REQUIRE_GPU=1</c>.
/// Carries the trait <c>Category=Sim</c>.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class CudaFactAttribute : FactAttribute, ITraitAttribute
{
    /// <param name="devices">Number of devices that the test uses.</param>
    /// <param name="sourceFilePath">Filled by the compiler.</param>
    /// <param name="sourceLineNumber">Filled by the compiler.</param>
    public CudaFactAttribute(
        int devices = 1,
        [CallerFilePath] string? sourceFilePath = null,
        [CallerLineNumber] int sourceLineNumber = -1
    )
        : base(sourceFilePath, sourceLineNumber)
    {
        Devices = devices;
        if (!CudaDevice.IsAvailable)
        {
            // What is not skipped fails at its first use of the device, with the reason.
            if (GpuRequirement.IsGpuRequired)
                return;
            Skip =
                $"needs the CUDA simulator or a GPU (found: none; {CudaDevice.MissingReason?.Split('\n')[0]})";
        }
        else if (CudaDevice.Count < devices)
            Skip = $"needs {devices} CUDA devices (found: {CudaDevice.Count})";
    }

    public int Devices { get; }

    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() =>
        [new("Category", "Sim")];
}
