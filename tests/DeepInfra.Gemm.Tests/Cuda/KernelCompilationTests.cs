// SPDX-License-Identifier: MIT
using System.Text.RegularExpressions;
using DeepInfra.Core.Jit;
using DeepInfra.Gemm.Cuda;
using DeepInfra.Gemm.Operands;
using DeepInfra.Testing;

namespace DeepInfra.Gemm.Tests.Cuda;

/// <summary>What NVRTC makes of the kernels, as far as one can see without a GPU.</summary>
public sealed class KernelCompilationTests
{
    /// <summary>Three blocks of 128 threads share a multiprocessor's 65,536 registers.</summary>
    private const int MaxRegisters = 168;

    private const ElementKind E4M3 = ElementKind.Float8E4M3;
    private const ElementKind E5M2 = ElementKind.Float8E5M2;
    private const ElementKind Fp4 = ElementKind.Float4E2M1;

    private static readonly bool[] s_orders = [true, false];

    [NvrtcFact]
    public async Task Fp8Kernels_ForAda_UseFp8TensorCoresWithoutSpills() =>
        await CheckAsync(Fp8("sm_89"), "QMMA.16832.F32.E4M3.E4M3");

    [NvrtcFact]
    public async Task E5M2Kernels_ForAda_UseFp8TensorCoresWithoutSpills()
    {
        await CheckAsync(
            [GemmKernels.Of(new Fp8Variant("sm_89", E5M2, E4M3, true, true, 128))],
            "QMMA.16832.F32.E5M2.E4M3"
        );
        await CheckAsync(
            [GemmKernels.Of(new Fp8Variant("sm_89", E4M3, E5M2, false, true, 128))],
            "QMMA.16832.F32.E4M3.E5M2"
        );
        await CheckAsync(
            [GemmKernels.Of(new Fp8Variant("sm_89", E5M2, E5M2, true, false, 128))],
            "QMMA.16832.F32.E5M2.E5M2"
        );
    }

    /// <summary>Hopper has no FP8 form of this instruction: its codes are widened to FP16, which is exact.</summary>
    [NvrtcFact]
    public async Task Fp8Kernels_ForHopper_UseTensorCoresWithoutSpills() =>
        await CheckAsync(Fp8("sm_90a"), "HMMA.16816.F32");

    [NvrtcFact]
    public async Task Bf16Kernels_ForHopper_UseWgmmaAndTmaWithoutSpills() =>
        await CheckAsync(
            from blockN in new[] { 64, 128 }
            from kMajorA in s_orders
            from kMajorB in s_orders
            select GemmKernels.Of(new Bf16Variant("sm_90a", blockN, kMajorA, kMajorB)),
            "HGMMA",
            "UTMALDG"
        );

    /// <summary>A device that this compiler does not know runs the plain kernels all the same: its driver finishes them.</summary>
    [NvrtcFact]
    public void Fp8Kernels_ForADeviceNewerThanTheCompiler_ArePtx()
    {
        foreach (var spec in Fp8("sm_999a"))
        {
            var kernel = NvrtcCompiler.Instance.Compile(spec);

            kernel.Architecture.Should().StartWith("compute_");
            System
                .Text.Encoding.UTF8.GetString(kernel.Cubin.Span)
                .Should()
                .Contain($".entry {kernel.EntrySymbol}(");
        }
    }

    [Fact]
    public void Specs_OfOneVariant_AreMadeOnce()
    {
        var variant = new Bf16Variant("sm_90a", 64, true, true);

        GemmKernels.Of(variant).Should().BeSameAs(GemmKernels.Of(variant));
        GemmKernels
            .Of(variant with { KMajorB = false })
            .Hash.Should()
            .NotBe(GemmKernels.Of(variant).Hash);
    }

    private static IEnumerable<KernelSpec> Fp8(string architecture)
    {
        foreach (var kMajorA in s_orders)
        foreach (var kMajorB in s_orders)
            yield return GemmKernels.Of(
                new Fp8Variant(architecture, E4M3, E4M3, kMajorA, kMajorB, 128)
            );
        yield return GemmKernels.Of(new Fp8Variant(architecture, E4M3, E4M3, true, true, 64));
        yield return GemmKernels.Of(new Fp8Variant(architecture, E4M3, Fp4, true, true, 32));
        yield return GemmKernels.Of(new Fp8Variant(architecture, Fp4, Fp4, false, false, 32));
    }

    private static async Task CheckAsync(
        IEnumerable<KernelSpec> specs,
        params string[] instructions
    )
    {
        using var directory = new TempDirectory();
        var tool = Path.Combine(
            Path.GetDirectoryName(Path.GetDirectoryName(NvrtcCompiler.Instance.LibraryPath)) ?? "",
            "bin",
            "cuobjdump"
        );
        foreach (var spec in specs)
        {
            var kernel = NvrtcCompiler.Instance.Compile(spec);

            kernel.Registers.Should().BeInRange(1, MaxRegisters, spec.ToString());
            kernel.LocalBytes.Should().Be(0, spec.ToString());
            kernel.Log.Should().NotContain("Potential Performance Loss", spec.ToString());
            TestContext.Current.SendDiagnosticMessage($"{spec}: {kernel.Registers} registers");
            if (!File.Exists(tool))
                continue;
            var path = directory.Combine("kernel.cubin");
            await File.WriteAllBytesAsync(
                path,
                kernel.Cubin.ToArray(),
                TestContext.Current.CancellationToken
            );
            var listing = await ChildProcess.RunAsync(tool, ["-sass", path]);
            foreach (var instruction in instructions)
                Regex
                    .Count(listing.StandardOutput, $@"\b{Regex.Escape(instruction)}\b")
                    .Should()
                    .BePositive($"{spec} needs {instruction}");
        }
    }
}
