// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using DeepInfra.Core;
using DeepInfra.Core.Cpu;
using DeepInfra.Testing;

namespace DeepInfra.Gemm.Tests.Cpu;

/// <summary>Which kernels the CPU backend takes, and what it says of its choice.</summary>
public sealed class CpuKernelChoiceTests
{
    private const string Foreign = "DEEPINFRA_TEST_FOREIGN_LIBRARY";

    [Fact]
    public void Native_WithALowerTier_SaysSo()
    {
        var options = new GemmOptions
        {
            CpuKernels = GemmCpuKernels.Native,
            Cpu = new CpuBackendOptions { MaxIsa = SimdTier.V256 },
        };

        FluentActions
            .Invoking(() => Multiply(options))
            .Should()
            .Throw<NotSupportedException>()
            .WithMessage("*V512*MaxIsa*");
        GemmDiagnostics.DescribeCpuKernels(options).Should().MatchRegex("managed .*V512");
        Multiply(options with { CpuKernels = GemmCpuKernels.Auto }).Should().Be(32);
    }

    [Fact]
    public void CpuKernels_UndefinedChoice_Throws() =>
        FluentActions
            .Invoking(() => new GemmOptions { CpuKernels = (GemmCpuKernels)7 })
            .Should()
            .Throw<ArgumentOutOfRangeException>()
            .WithParameterName("CpuKernels");

    [Theory]
    [InlineData("managed", "managed .*asked for")]
    [InlineData("magic", null)]
    public async Task Environment_Variable_IsTheDefault(string value, string? description)
    {
        var result = await RunChildAsync(
            nameof(ChoiceScenario.Variable),
            ("DEEPINFRA_GEMM_CPU_KERNELS", value),
            ("DEEPINFRA_TEST_DESCRIPTION", description)
        );

        result.ExitCode.Should().Be(0, result.StandardOutput);
    }

    [Fact]
    public async Task ForeignLibrary_InFront_IsPassedOverOrNamed()
    {
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && CpuBackendOptions.HardwareTier == SimdTier.V512,
            "native kernels are never looked for here"
        );
        using var directory = new TempDirectory();
        var foreign = Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "libSystem.Native.so");
        File.Copy(foreign, directory.Combine("libdeepinfra_gemm_cpu.so"));

        var result = await RunChildAsync(
            nameof(ChoiceScenario.ForeignLibrary),
            ("DEEPINFRA_NATIVE_PATH", directory.Path),
            (Foreign, directory.Path)
        );

        result.ExitCode.Should().Be(0, result.StandardOutput);
    }

    internal static float Multiply(GemmOptions options)
    {
        var ones = Tensor<BFloat16>.Create([32, 32]);
        ones.Fill((BFloat16)1f);
        var d = Tensor<float>.Create([32, 32]);
        GemmContext.CreateCpu(options).Ops.Bf16GemmNT(ones, ones, d);
        return d.AsSpan()[77];
    }

    private static Task<ChildProcessResult> RunChildAsync(
        string method,
        params (string Name, string? Value)[] variables
    ) =>
        ChildProcess.RunSelfAsync(
            [
                "--explicit",
                "only",
                "--filter-method",
                $"{typeof(ChoiceScenario).FullName}.{method}",
                "--minimum-expected-tests",
                "1",
                "--no-progress",
            ],
            variables.ToDictionary(v => v.Name, v => v.Value)
        );

    /// <summary>Tests for child processes with an environment of their own.</summary>
    public sealed class ChoiceScenario
    {
        [Fact(Explicit = true)]
        public void Variable()
        {
            var describe = () => GemmDiagnostics.DescribeCpuKernels();
            if (Environment.GetEnvironmentVariable("DEEPINFRA_TEST_DESCRIPTION") is { } expected)
                describe().Should().MatchRegex(expected);
            else
                describe
                    .Should()
                    .Throw<DeepInfraException>()
                    .WithMessage("DEEPINFRA_GEMM_CPU_KERNELS: *managed*'magic'");
        }

        [Fact(Explicit = true)]
        public void ForeignLibrary()
        {
            var folder = Environment.GetEnvironmentVariable(Foreign);
            Assert.SkipUnless(folder is not null, "only meaningful in a child process");
            var automatic = new GemmOptions();

            Multiply(automatic).Should().Be(32);
            GemmDiagnostics
                .DescribeCpuKernels(automatic)
                .Should()
                .StartWith("managed")
                .And.Contain($"{folder}/libdeepinfra_gemm_cpu.so is no DeepInfra library");
            for (var i = 0; i < 2; i++)
                FluentActions
                    .Invoking(() => Multiply(automatic with { CpuKernels = GemmCpuKernels.Native }))
                    .Should()
                    .Throw<NativeAbiMismatchException>();
        }
    }
}
