// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cpu;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests;

public class DeepInfraInfoTests
{
    [Fact]
    public void Capture_ThisProcess_IsConsistent()
    {
        var info = DeepInfraInfo.Capture();

        info.Version.Should().MatchRegex(@"^\d+\.\d+\.\d+");
        info.HardwareTier.Should().Be(CpuBackendOptions.HardwareTier);
        info.Threads.Should().BePositive();
        info.Devices[0].Should().Be("cpu");
        (info.Devices.Count == 1).Should().Be(info.CudaMissingReason is not null);
    }

    [Fact]
    public void Describe_NamesEveryFact() =>
        DeepInfraInfo
            .Describe()
            .Should()
            .ContainAll("DeepInfra:", "runtime:", "SIMD:", "threads:", "devices:");

    [Fact]
    public async Task Describe_WithEnvironment_ShowsItAndItsEffect()
    {
        var result = await ChildProcess.RunSelfAsync(
            [
                "--filter-method",
                "*" + nameof(Environment_InChildProcess_TakesEffect),
                "--output",
                "Detailed",
            ],
            new Dictionary<string, string?>
            {
                ["DEEPINFRA_CPU_ISA"] = "v128",
                ["DEEPINFRA_CPU_THREADS"] = "3",
                ["DEEPINFRA_TEST_CHILD"] = "1",
            }
        );

        result.ExitCode.Should().Be(0, result.StandardOutput);
    }

    [Theory]
    [InlineData("DEEPINFRA_CPU_ISA", "avx")]
    [InlineData("DEEPINFRA_CPU_ISA", "2")]
    [InlineData("DEEPINFRA_CPU_ISA", "-1")]
    [InlineData("DEEPINFRA_CPU_ISA", "v128,v256")]
    [InlineData("DEEPINFRA_CPU_THREADS", "0")]
    [InlineData("DEEPINFRA_CPU_THREADS", "many")]
    [Trait("Category", "Slow")]
    public async Task Environment_BadValue_FailsNamingIt(string name, string value)
    {
        var result = await ChildProcess.RunSelfAsync(
            ["--filter-method", "*" + nameof(Describe_NamesEveryFact)],
            new Dictionary<string, string?> { [name] = value }
        );

        result.ExitCode.Should().NotBe(0);
        result.StandardOutput.Should().Contain($"{name}: expected").And.Contain($"got '{value}'");
    }

    [Fact]
    public void Environment_InChildProcess_TakesEffect()
    {
        Assert.SkipUnless(
            Environment.GetEnvironmentVariable("DEEPINFRA_TEST_CHILD") == "1",
            "only meaningful in a child process"
        );

        var info = DeepInfraInfo.Capture();

        info.Tier.Should().BeOneOf(SimdTier.V128, SimdTier.Reference);
        info.Threads.Should().Be(3);
        info.Environment["DEEPINFRA_CPU_ISA"].Should().Be("v128");
        info.ToString().Should().Contain("DEEPINFRA_CPU_THREADS=3");
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task BuildTargets_PublishAotWithoutInstructionSet_Warns()
    {
        using var directory = new TempDirectory();
        var targets = Path.Combine(AppContext.BaseDirectory, "DeepInfra.Core.targets");
        var project = directory.Combine("x.proj");
        await File.WriteAllTextAsync(
            project,
            $"""
            <Project DefaultTargets="PrepareForPublish">
              <Import Project="{targets}" />
              <Target Name="PrepareForPublish" />
            </Project>
            """,
            TestContext.Current.CancellationToken
        );

        (await Build("-p:PublishAot=true", "-p:RuntimeIdentifier=linux-x64"))
            .Should()
            .Contain("DI0010");
        (await Build("-p:PublishAot=true", "-p:RuntimeIdentifier=")).Should().Contain("DI0010");
        (await Build("-p:PublishAot=true", "-p:IlcInstructionSet=x86-64-v3"))
            .Should()
            .NotContain("DI0010");
        (await Build("-p:PublishAot=true", "-p:RuntimeIdentifier=linux-arm64"))
            .Should()
            .NotContain("DI0010");
        (await Build()).Should().NotContain("DI0010");

        async Task<string> Build(params string[] properties)
        {
            var result = await ChildProcess.RunAsync(
                "dotnet",
                ["msbuild", project, "-nologo", "-nr:false", .. properties]
            );
            result.ExitCode.Should().Be(0, result.StandardOutput);
            return result.StandardOutput;
        }
    }
}
