// SPDX-License-Identifier: MIT
using System.Text;
using DeepInfra.Core.Jit;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Jit;

/// <summary>A compiler whose result is its input behind the header of a cubin, and that counts.</summary>
internal sealed class FakeCompiler(string identity = "fake 1") : IKernelCompiler
{
    private int _compilations;

    public int Compilations => _compilations;

    public string Identity => identity;

    /// <summary>Called while a kernel is compiled.</summary>
    public Action<KernelSpec>? OnCompile { get; init; }

    public CompiledKernel Compile(KernelSpec spec)
    {
        Interlocked.Increment(ref _compilations);
        OnCompile?.Invoke(spec);
        if (spec.Source.Contains("#error", StringComparison.Ordinal))
            throw new KernelCompilationException(spec, $"{spec.Name} does not compile", "log", []);
        return new CompiledKernel
        {
            Name = spec.Name,
            Architecture = spec.Architecture,
            Cubin = FakeCubin.Create(spec.Architecture, Encoding.UTF8.GetBytes(spec.Source)),
            EntrySymbol = spec.EntrySymbol ?? "",
            Compiler = identity,
            Log = "a warning",
            CompileMilliseconds = 12.5,
            Registers = 40,
            StaticSharedBytes = 1024,
            LocalBytes = 16,
        };
    }

    public static KernelSpec Spec(string name = "k", string source = "void f() {}") =>
        new(name, source, "sm_90a") { EntrySymbol = "f" };
}
