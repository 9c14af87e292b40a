// SPDX-License-Identifier: MIT
using System.Text;
using DeepInfra.Core.Jit;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Jit;

/// <summary>Machine code that is not what its record says is no kernel, whatever its checksum.</summary>
public class KernelImageTests
{
    private const string Ptx = "//\n.version 8.4\n.target sm_90\n.address_size 64\n\0";

    [Theory]
    [InlineData("sm_80", 7)]
    [InlineData("sm_90a", 7)]
    [InlineData("sm_120a", 7)]
    [InlineData("sm_100a", 8)]
    [InlineData("sm_120", 8)]
    public void FindProblem_CubinOfTheArchitecture_IsNone(string architecture, byte version) =>
        Problem(architecture, FakeCubin.Create(architecture, version: version)).Should().BeNull();

    [Theory]
    [InlineData("sm_80", "sm_90a", 7)]
    [InlineData("sm_90a", "sm_80", 7)]
    [InlineData("sm_100a", "sm_103a", 8)]
    public void FindProblem_CubinOfAnotherArchitecture_NamesBoth(
        string found,
        string expected,
        byte version
    ) =>
        Problem(expected, FakeCubin.Create(found, version: version))
            .Should()
            .Be($"a cubin for {found.TrimEnd('a')}, not {expected}");

    [Fact]
    public void FindProblem_NotAnElfFile_SaysSo()
    {
        var cubin = FakeCubin.Create("sm_90a");

        Problem("sm_90a", []).Should().Be("no ELF file");
        Problem("sm_90a", cubin[..63]).Should().Be("no ELF file");
        for (var i = 0; i < 4; i++)
        {
            var damaged = cubin.ToArray();
            damaged[i] ^= 1;
            Problem("sm_90a", damaged).Should().Be("no ELF file");
        }
    }

    [Fact]
    public void FindProblem_CodeOfTheOtherWorld_SaysSo()
    {
        var cubin = FakeCubin.Create("sm_90a");
        var host = cubin.ToArray();
        host[18] = 62;

        Problem("sm_90a", host).Should().Be("an ELF file for machine 62, not a cubin");
        Problem("sm_90a", cubin, "cudasim abc 12.4").Should().Contain("simulator");
        Problem("sm_90a", host, "cudasim abc 12.4").Should().BeNull();
    }

    [Theory]
    [InlineData("compute_90", Ptx, true)]
    [InlineData("compute_80", Ptx, false)]
    [InlineData("compute_90", ".version 8.4\n.target sm_90a\n", false)]
    [InlineData("compute_90", "", false)]
    [InlineData("compute_90", ".target sm_90", false)]
    public void FindProblem_Ptx_MustHaveTheTarget(string target, string text, bool isRight) =>
        (Problem(target, Encoding.UTF8.GetBytes(text)) is null).Should().Be(isRight);

    [NvrtcFact]
    public void FindProblem_EveryTargetOfTheCompiler_IsRecognised()
    {
        foreach (var number in NvrtcCompiler.Instance.SupportedArchitectures)
        foreach (var prefix in new[] { "sm_", "compute_" })
        {
            var kernel = NvrtcCompiler.Instance.Compile(
                new KernelSpec("f", "extern \"C\" __global__ void f() {}", $"{prefix}{number}")
                {
                    EntrySymbol = "f",
                }
            );

            KernelImage.FindProblem(kernel).Should().BeNull($"{prefix}{number}");
        }
    }

    private static string? Problem(string architecture, byte[] image, string compiler = "nvrtc") =>
        KernelImage.FindProblem(
            new CompiledKernel
            {
                Name = "k",
                Architecture = architecture,
                Cubin = image,
                EntrySymbol = "f",
                Compiler = compiler,
            }
        );
}
