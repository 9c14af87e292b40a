// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Jit;

/// <summary>What a <see cref="JitKernelCache"/> has done so far.</summary>
/// <param name="MemoryHits">Kernels found in memory.</param>
/// <param name="DiskHits">Kernels read from a cache folder.</param>
/// <param name="Compilations">Kernels compiled.</param>
/// <param name="Failures">Compilations that failed.</param>
/// <param name="CorruptFiles">Damaged files that were set aside.</param>
/// <param name="LockWaits">Times that another process was waited for.</param>
/// <param name="WriteFailures">Results that could not be kept on disk.</param>
/// <param name="CompileTime">Time spent compiling, all threads together.</param>
public readonly record struct JitStatistics(
    long MemoryHits,
    long DiskHits,
    long Compilations,
    long Failures,
    long CorruptFiles,
    long LockWaits,
    long WriteFailures,
    TimeSpan CompileTime
);
