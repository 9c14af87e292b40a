// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Fs.Cluster;

/// <summary>The local disk state of the embedded cluster cannot be used: a store cannot be opened, read or written.</summary>
public class ClusterStorageException : DeepInfraException
{
    /// <summary>Creates an exception with a default message.</summary>
    public ClusterStorageException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What failed, with the path.</param>
    public ClusterStorageException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What failed, with the path.</param>
    /// <param name="innerException">The cause.</param>
    public ClusterStorageException(string message, Exception innerException)
        : base(message, innerException) { }
}
