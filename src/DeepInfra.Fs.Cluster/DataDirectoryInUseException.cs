// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster;

/// <summary>Another cluster, in this or another process, runs on the data directory.</summary>
public sealed class DataDirectoryInUseException : ClusterStorageException
{
    /// <summary>Creates an exception with a default message.</summary>
    public DataDirectoryInUseException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">Which directory, and which process holds it.</param>
    public DataDirectoryInUseException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">Which directory, and which process holds it.</param>
    /// <param name="innerException">The cause.</param>
    public DataDirectoryInUseException(string message, Exception innerException)
        : base(message, innerException) { }
}
