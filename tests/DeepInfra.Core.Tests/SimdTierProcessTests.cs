// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;
using DeepInfra.Core.Tests.Numerics;
using DeepInfra.Core.Tests.Quantization;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests;

/// <summary>Runs the tests of all kernels again on processors that lack instruction sets, as the runtime pretends.</summary>
[Collection(nameof(TensorMemory))]
public class SimdTierProcessTests
{
    private const string ExpectedTier = "DEEPINFRA_TEST_EXPECTED_TIER";

    private static readonly string[] s_classes =
    [
        typeof(ExpectedTierTests).FullName!,
        typeof(FormatTests).FullName!,
        typeof(NumberConvertTests).FullName!,
        typeof(VectorMathTests).FullName!,
        typeof(ByteTransposeTests).FullName!,
        typeof(QuantizerTests).FullName!,
        typeof(DequantizeTests).FullName!,
    ];

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("DOTNET_EnableAVX512", SimdTier.V256)]
    [InlineData("DOTNET_EnableAVX2", SimdTier.V128)]
    [InlineData("DOTNET_EnableHWIntrinsic", SimdTier.Reference)]
    public async Task KernelTests_WithoutInstructionSet_Pass(string variable, SimdTier highest)
    {
        var tier =
            highest < CpuBackendOptions.HardwareTier ? highest : CpuBackendOptions.HardwareTier;

        await ChildProcess.RunTestClassesAsync(
            s_classes,
            new Dictionary<string, string?> { [variable] = "0", [ExpectedTier] = tier.ToString() }
        );
    }

    public class ExpectedTierTests
    {
        [Fact]
        public void HardwareTier_InChildProcess_IsAsExpected()
        {
            var expected = Environment.GetEnvironmentVariable(ExpectedTier);
            Assert.SkipWhen(expected is null, "only meaningful in a child process");

            CpuBackendOptions.HardwareTier.ToString().Should().Be(expected);
        }
    }
}
