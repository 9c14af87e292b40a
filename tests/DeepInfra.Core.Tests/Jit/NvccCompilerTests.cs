// SPDX-License-Identifier: MIT
using DeepInfra.Core.Jit;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Jit;

public class NvccCompilerTests
{
    [NvrtcFact]
    public void Compile_TemplateWithHeader_GivesWhatNvrtcGives()
    {
        var compiler = new NvccCompiler(FindNvcc());
        var spec = new KernelSpec(
            "scale",
            "#include \"deepinfra/factor.cuh\"\ntemplate <int N> __global__ void scale(float* x) { x[threadIdx.x] *= N * FACTOR; }",
            "sm_90a"
        )
        {
            Headers = KernelHeaders.Create([new("deepinfra/factor.cuh", "#define FACTOR 3")]),
            EntryExpression = "scale<2>",
        };

        var kernel = compiler.Compile(spec);

        kernel.EntrySymbol.Should().Be(NvrtcCompiler.Instance.Compile(spec).EntrySymbol);
        kernel.Registers.Should().BePositive();
        kernel.Compiler.Should().StartWith("nvcc Build cuda_");
    }

    [NvrtcFact]
    public void Compile_SourceWithError_GivesTheLog()
    {
        var compiler = new NvccCompiler(FindNvcc());
        var spec = new KernelSpec("broken", "int a;\nnonsense", "sm_90a") { EntrySymbol = "f" };

        compiler
            .Invoking(c => c.Compile(spec))
            .Should()
            .Throw<KernelCompilationException>()
            .Which.Log.Should()
            .Contain("broken.cu(2)");
    }

    [Fact]
    public void Compile_NoCompiler_SaysWhatToInstall()
    {
        using var directory = new TempDirectory();

        new NvccCompiler(directory.Combine("nvcc"))
            .Invoking(c => c.Compile(FakeCompiler.Spec()))
            .Should()
            .Throw<NativeLibraryNotFoundException>()
            .WithMessage("nvcc could not be loaded. Install a CUDA toolkit*");
    }

    private static string FindNvcc()
    {
        var root = Path.GetDirectoryName(Path.GetDirectoryName(NvrtcCompiler.Instance.LibraryPath));
        var path = Path.Combine(root ?? "", "bin", "nvcc");
        Assert.SkipUnless(File.Exists(path), "needs nvcc beside NVRTC");
        return path;
    }
}
