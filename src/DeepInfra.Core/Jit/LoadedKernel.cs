// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;

namespace DeepInfra.Core.Jit;

/// <summary>A compiled kernel that the driver has loaded. It belongs to the <see cref="JitKernelCache"/> that made it.</summary>
public sealed class LoadedKernel
{
    private LoadedKernel(CompiledKernel compiled, CudaLibrary library, CudaKernel kernel)
    {
        Compiled = compiled;
        Library = library;
        Kernel = kernel;
    }

    /// <summary>What was compiled.</summary>
    public CompiledKernel Compiled { get; }

    /// <summary>The kernel to launch.</summary>
    public CudaKernel Kernel { get; }

    internal CudaLibrary Library { get; }

    internal static LoadedKernel Load(CompiledKernel compiled)
    {
        var library = CudaLibrary.Load(compiled.Cubin.Span, compiled.Name);
        try
        {
            return new LoadedKernel(compiled, library, library.GetKernel(compiled.EntrySymbol));
        }
        catch
        {
            library.Dispose();
            throw;
        }
    }
}
