// SPDX-License-Identifier: MIT
using DeepInfra.Core.Interop;
using Microsoft.Extensions.Logging;

namespace DeepInfra.Core.Jit;

/// <summary>
/// One folder of compiled kernels: <c>v1/&lt;arch&gt;/&lt;name&gt;.&lt;spec&gt;-&lt;compiler&gt;.kernel</c>. Files appear by rename and never
/// half-written; damaged ones are set aside. Safe for any number of processes.
/// </summary>
internal sealed class KernelStore(
    string root,
    bool isReadOnly,
    JitCounters counters,
    ILogger logger
)
{
    private const string Layout = "v1";
    private static readonly TimeSpan s_staleAge = TimeSpan.FromDays(1);

    private int _swept;

    public string Root => root;

    /// <summary>Reads a kernel; null if the folder does not have it.</summary>
    /// <param name="spec">The kernel.</param>
    /// <param name="compiler">Identity of the compiler; null takes the result of any.</param>
    public CompiledKernel? TryRead(KernelSpec spec, string? compiler)
    {
        if (compiler is not null)
            return TryReadFile(PathOf(spec, compiler), spec);
        var folder = FolderOf(spec);
        if (!Directory.Exists(folder))
            return null;
        var pattern = $"{spec.Name}.{spec.Hash.ToShortString()}-*{KernelFile.Extension}";
        foreach (
            var path in Directory.EnumerateFiles(folder, pattern).Order(StringComparer.Ordinal)
        )
            if (
                TryReadFile(path, spec) is { } kernel
                && KernelImage.IsOfSimulator(kernel) == CudaApi.IsSimulatorSelected
            )
                return kernel;
        return null;
    }

    /// <summary>Writes a kernel.</summary>
    /// <exception cref="IOException">The folder cannot be written, or the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder cannot be written.</exception>
    public void Write(KernelSpec spec, string compiler, CompiledKernel kernel)
    {
        var path = PathOf(spec, compiler);
        var temporary = Path.Combine(root, "tmp");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        Directory.CreateDirectory(temporary);
        SweepOnce(temporary);
        var draft = Path.Combine(temporary, $"{Environment.ProcessId}-{Guid.NewGuid():n}");
        try
        {
            using (var stream = new FileStream(draft, FileMode.CreateNew, FileAccess.Write))
            {
                stream.Write(KernelFile.Encode(kernel, spec));
                stream.Flush(flushToDisk: true);
            }
            // The folder is not flushed: after a crash the entry may be gone, which costs a compilation. It is never half there,
            // and if the file system broke that promise, the checksum would tell.
            File.Move(draft, path, overwrite: true);
        }
        catch
        {
            TryDelete(draft);
            throw;
        }
    }

    /// <summary>Takes the lock of a kernel among processes; null if it was held elsewhere all the time, or cannot be had here.</summary>
    /// <param name="spec">The kernel.</param>
    /// <param name="compiler">Identity of the compiler.</param>
    /// <param name="timeout">How long to try.</param>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder cannot be written.</exception>
    public KernelLock? TryLock(KernelSpec spec, string compiler, TimeSpan timeout)
    {
        var folder = Path.Combine(root, "locks");
        Directory.CreateDirectory(folder);
        var name = Path.GetFileNameWithoutExtension(PathOf(spec, compiler));
        return KernelLock.TryTake(Path.Combine(folder, name + ".lock"), timeout, counters);
    }

    private CompiledKernel? TryReadFile(string path, KernelSpec spec)
    {
        try
        {
            if (!File.Exists(path))
                return null;
            if (KernelFile.Read(path, spec, out var reason) is { } kernel)
                return kernel;
            SetAside(path, reason);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Gone in between, or not ours to read: a miss.
        }
        return null;
    }

    private void SetAside(string path, string reason)
    {
        counters.Corrupt();
        JitLog.Corrupt(logger, path, reason);
        if (isReadOnly)
            return;
        try
        {
            File.Move(path, path + ".corrupt", overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The rebuilt file replaces it.
        }
    }

    // Drafts of processes that died.
    private void SweepOnce(string folder)
    {
        if (Interlocked.Exchange(ref _swept, 1) != 0)
            return;
        var limit = DateTime.UtcNow - s_staleAge;
        foreach (var file in Directory.EnumerateFiles(folder))
            if (File.GetLastWriteTimeUtc(file) < limit)
                TryDelete(file);
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Another process may have deleted it.
        }
    }

    private string FolderOf(KernelSpec spec) => Path.Combine(root, Layout, spec.Architecture);

    private string PathOf(KernelSpec spec, string compiler) =>
        Path.Combine(
            FolderOf(spec),
            $"{spec.Name}.{spec.Hash.ToShortString()}-{KernelHash.Of(compiler).ToShortString()[..16]}{KernelFile.Extension}"
        );
}
