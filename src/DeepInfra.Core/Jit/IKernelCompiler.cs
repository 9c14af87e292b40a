// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Jit;

/// <summary>Turns kernel sources into machine code. Implementations are thread-safe.</summary>
public interface IKernelCompiler
{
    /// <summary>
    /// Name, full version and fixed options: everything about the compiler that decides what comes out. No paths.
    /// </summary>
    /// <exception cref="NativeLibraryNotFoundException">The compiler is not on this machine.</exception>
    string Identity { get; }

    /// <summary>Compiles.</summary>
    /// <param name="spec">The kernel.</param>
    /// <exception cref="KernelCompilationException">The source has errors, or the target is unknown to the compiler.</exception>
    /// <exception cref="NativeLibraryNotFoundException">The compiler is not on this machine.</exception>
    /// <exception cref="NvrtcTooOldException">The compiler is too old for the target.</exception>
    CompiledKernel Compile(KernelSpec spec);
}
