// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Fs.Cluster.KeyValue;

/// <summary>A transaction lost against other writers more often than it may be repeated.</summary>
internal sealed class KeyValueConflictException : DeepInfraException
{
    public KeyValueConflictException() { }

    public KeyValueConflictException(string message)
        : base(message) { }

    public KeyValueConflictException(string message, Exception innerException)
        : base(message, innerException) { }
}
