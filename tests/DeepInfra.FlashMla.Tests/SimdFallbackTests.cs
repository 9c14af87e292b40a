// SPDX-License-Identifier: MIT
using DeepInfra.FlashMla.Tests.Conformance;
using DeepInfra.Testing;

namespace DeepInfra.FlashMla.Tests;

/// <summary>
/// The conformance suites once more in processes that pretend to run on older processors: code that asks the
/// hardware instead of the options takes other paths there.
/// </summary>
[Trait("Category", "Slow")]
public sealed class SimdFallbackTests
{
    [Theory]
    [InlineData("DOTNET_EnableAVX512")]
    [InlineData("DOTNET_EnableAVX2")]
    [InlineData("DOTNET_EnableHWIntrinsic")]
    public Task ConformanceSuites_WithoutAnInstructionSet_Pass(string variable) =>
        ChildProcess.RunTestClassesAsync(
            [
                typeof(DenseDecodeV512Tests).FullName!,
                typeof(DensePrefillV512Tests).FullName!,
                typeof(SparseV512Tests).FullName!,
                typeof(PagedMlaKvCacheTests).FullName!,
                typeof(MlaKvQuantizerTests).FullName!,
            ],
            new Dictionary<string, string?> { [variable] = "0" },
            TimeSpan.FromMinutes(5)
        );
}
