// SPDX-License-Identifier: MIT
using DeepInfra.Core.Jit;
using DeepInfra.Testing;

namespace DeepInfra.NativeLoading.Tests.Fakes;

/// <summary>A compiler whose result is the header of a cubin.</summary>
/// <param name="identity">What it calls itself.</param>
internal sealed class EchoCompiler(string identity = "echo") : IKernelCompiler
{
    public string Identity => identity;

    public CompiledKernel Compile(KernelSpec spec) =>
        new()
        {
            Name = spec.Name,
            Architecture = spec.Architecture,
            Cubin = FakeCubin.Create(spec.Architecture, new byte[8192]),
            EntrySymbol = spec.EntrySymbol!,
            Compiler = Identity,
        };
}
