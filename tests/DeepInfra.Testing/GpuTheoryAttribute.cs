// SPDX-License-Identifier: MIT
using System.Reflection;
using System.Runtime.CompilerServices;
using Xunit.v3;

namespace DeepInfra.Testing;

/// <summary>
/// A theory that needs CUDA devices. Without them it is skipped with a reason; with <c>DEEPINFRA_REQUIRE_GPU=1</c> it
/// fails instead. Carries the trait <c>Category=Gpu</c>.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class GpuTheoryAttribute : TheoryAttribute, ITraitAttribute, IBeforeAfterTestAttribute
{
    private readonly string? _missing;

    /// <param name="minimumComputeCapability">Ten times the major plus the minor version: 90 for 9.0.</param>
    /// <param name="devices">Number of devices that the test uses.</param>
    /// <param name="minimumDriverVersion">CUDA version of the driver as it encodes it: 12040 for 12.4; 0 for any.</param>
    /// <param name="sourceFilePath">Filled by the compiler.</param>
    /// <param name="sourceLineNumber">Filled by the compiler.</param>
    public GpuTheoryAttribute(
        int minimumComputeCapability = 80,
        int devices = 1,
        int minimumDriverVersion = 0,
        [CallerFilePath] string? sourceFilePath = null,
        [CallerLineNumber] int sourceLineNumber = -1
    )
        : base(sourceFilePath, sourceLineNumber)
    {
        MinimumComputeCapability = minimumComputeCapability;
        Devices = devices;
        MinimumDriverVersion = minimumDriverVersion;
        _missing = new GpuRequirement(
            minimumComputeCapability,
            devices,
            minimumDriverVersion
        ).MissingReason;
        if (_missing is not null && !GpuRequirement.IsGpuRequired)
            Skip = _missing;
    }

    public int MinimumComputeCapability { get; }

    public int Devices { get; }

    public int MinimumDriverVersion { get; }

    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() =>
        [new("Category", "Gpu")];

    public void Before(MethodInfo methodUnderTest, IXunitTest test)
    {
        if (_missing is not null)
            Assert.Fail($"DEEPINFRA_REQUIRE_GPU=1: {_missing}");
    }

    public void After(MethodInfo methodUnderTest, IXunitTest test) { }
}
