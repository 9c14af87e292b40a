// SPDX-License-Identifier: MIT
using DeepInfra.Testing;

namespace DeepInfra.Gemm.Tests.Cpu;

/// <summary>Runs the tests of the kernels again on processors that lack instruction sets, as the runtime pretends.</summary>
public sealed class SimdTierProcessTests
{
    private static readonly string[] s_classes =
    [
        typeof(CpuExecutionTests).FullName!,
        typeof(DenseGemmV512Tests).FullName!,
        typeof(GemmFormatsV512Tests).FullName!,
        typeof(KGroupedFormatsV512Tests).FullName!,
        typeof(GemmValuesV512Tests).FullName!,
        typeof(MGroupedGemmV512Tests).FullName!,
        typeof(KGroupedGemmV512Tests).FullName!,
    ];

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("DOTNET_EnableAVX512")]
    [InlineData("DOTNET_EnableAVX2")]
    [InlineData("DOTNET_EnableHWIntrinsic")]
    public async Task KernelTests_WithoutInstructionSet_Pass(string variable)
    {
        await ChildProcess.RunTestClassesAsync(
            s_classes,
            new Dictionary<string, string?> { [variable] = "0" }
        );
    }
}
