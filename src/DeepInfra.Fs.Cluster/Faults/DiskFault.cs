// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster.Faults;

/// <summary>Failures of the disk under one target, to be switched on and off while the cluster runs.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class DiskFault
{
    private volatile bool _reads;
    private volatile bool _writes;
    private volatile bool _flushes;

    /// <summary>Whether reading the data files fails, as on unreadable sectors.</summary>
    public bool FailReads
    {
        get => _reads;
        set => _reads = value;
    }

    /// <summary>Whether writing the data files fails.</summary>
    public bool FailWrites
    {
        get => _writes;
        set => _writes = value;
    }

    /// <summary>Whether flushing the data files fails, as when the kernel cannot write pages back.</summary>
    public bool FailFlushes
    {
        get => _flushes;
        set => _flushes = value;
    }

    /// <summary>Before bytes are read.</summary>
    /// <exception cref="IOException">The fault is on.</exception>
    public void OnRead() => Fail(_reads);

    /// <summary>Before bytes are written.</summary>
    /// <exception cref="IOException">The fault is on.</exception>
    public void OnWrite() => Fail(_writes);

    /// <summary>Before a file is flushed.</summary>
    /// <exception cref="IOException">The fault is on.</exception>
    public void OnFlush() => Fail(_flushes);

    private static void Fail(bool on)
    {
        if (on)
        {
            throw new IOException("Input/output error (fault injection)");
        }
    }
}
