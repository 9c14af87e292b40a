// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Jit;

/// <summary>How a <see cref="JitKernelCache"/> compiles and keeps kernels. The defaults are right for most programs.</summary>
public sealed record JitOptions
{
    /// <summary>
    /// The folder of the cache. Null takes <c>DEEPINFRA_CACHE_DIR</c>, else <c>$XDG_CACHE_HOME/deepinfra</c>, else
    /// <c>~/.cache/deepinfra</c>, else (without a home) a private folder below the temporary one. A folder that cannot be written
    /// costs speed only: kernels are then compiled once per process.
    /// </summary>
    public string? CacheDirectory { get; init; }

    /// <summary>Caches that are looked into after the folder and never written: shipped with an image, say.</summary>
    public IReadOnlyList<string> ReadOnlyDirectories { get; init; } = [];

    /// <summary>
    /// Never compile: a kernel that no cache has is a <see cref="KernelCompilationException"/> that names it. No compiler needs to be
    /// installed then, and results of any compiler version are accepted.
    /// </summary>
    public bool Offline { get; init; }

    /// <summary>Most compilations at a time in this process; 1 or more.</summary>
    public int MaxParallelCompilations { get; init; } = Math.Min(4, Environment.ProcessorCount);

    /// <summary>Most kernels kept in memory; the least recently used go first. 0 means no limit.</summary>
    public int MemoryCapacity { get; init; }

    /// <summary>How long to wait for another process that compiles the same kernel before compiling it as well.</summary>
    public TimeSpan LockTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>
    /// A folder for sources, PTX, machine code and compiler output of every kernel compiled, for people; SASS too where the toolkit's
    /// cuobjdump is found. Null takes <c>DEEPINFRA_JIT_DUMP</c>; empty means none.
    /// </summary>
    public string? DumpDirectory { get; init; }

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxParallelCompilations, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(MemoryCapacity);
        ArgumentOutOfRangeException.ThrowIfLessThan(LockTimeout, TimeSpan.Zero);
        ArgumentNullException.ThrowIfNull(ReadOnlyDirectories);
    }
}
