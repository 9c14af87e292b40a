// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Faults;
using Microsoft.Win32.SafeHandles;

namespace DeepInfra.Fs.Cluster.Chunks;

/// <summary>
/// One open data file and how often flushing it failed. The kernel reports a failed write-back once and takes
/// the pages for clean from then on: everything written before the failure may be lost, although the next
/// flush succeeds. Who writes therefore notes <see cref="FailedFlushes"/> first and commits only if it is unchanged.
/// </summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class DataFile(string path, SafeFileHandle handle, DiskFault fault)
{
    private int _failedFlushes;

    /// <summary>Path of the file.</summary>
    public string Path { get; } = path;

    /// <summary>The open file.</summary>
    public SafeFileHandle Handle { get; } = handle;

    /// <summary>Failed flushes so far.</summary>
    public int FailedFlushes => Volatile.Read(ref _failedFlushes);

    /// <summary>Flushes the file to the device.</summary>
    /// <exception cref="IOException">The device failed; what was written since the last flush may be lost.</exception>
    public void Flush()
    {
        try
        {
            fault.OnFlush();
            RandomAccess.FlushToDisk(Handle);
        }
        catch
        {
            Interlocked.Increment(ref _failedFlushes);
            throw;
        }
    }

    /// <summary>Closes the file. The files of a target are closed together, when nobody uses them any more.</summary>
    public void Close() => Handle.Dispose();
}

/// <summary>Bytes in a data file that a commit has to make durable.</summary>
/// <param name="File">The file.</param>
/// <param name="FailedFlushes">Its <see cref="DataFile.FailedFlushes"/> before the bytes were written.</param>
internal readonly record struct WrittenBytes(DataFile File, int FailedFlushes)
{
    /// <summary>Whether a flush failed since, so that the bytes may be lost.</summary>
    public bool MayBeLost => File.FailedFlushes != FailedFlushes;
}
