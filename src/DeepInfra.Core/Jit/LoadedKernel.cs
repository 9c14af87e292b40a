// SPDX-License-Identifier: MIT
using DeepInfra.Core.Cuda;
using DeepInfra.Core.Interop;

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
        var library = LoadLibrary(compiled);
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

    private static CudaLibrary LoadLibrary(CompiledKernel compiled)
    {
        try
        {
            return CudaLibrary.Load(compiled.Cubin.Span, compiled.Name);
        }
        catch (CudaException e)
            when (e.Code
                    is CudaErrorCode.InvalidImage
                        or CudaErrorCode.NoBinaryForGpu
                        or CudaErrorCode.InvalidPtx
                        or CudaErrorCode.UnsupportedPtxVersion
                        or CudaErrorCode.InvalidSource
                && NvrtcCompiler.VersionIn(compiled.Compiler) is { } version
                && 1000 * version.Major + 10 * version.Minor > CudaDriver.DriverVersion
            )
        {
            throw CudaDriverTooOldException.ForKernel(
                compiled,
                CudaDriver.Library ?? "",
                CudaDriver.DriverVersion,
                version,
                e
            );
        }
    }
}
