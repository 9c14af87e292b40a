// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep;

/// <summary>Other ranks left the group, or reported a failure, while this rank waited for them.</summary>
public sealed class PeerFailedException : EpException
{
    /// <summary>Creates an exception with a default message.</summary>
    public PeerFailedException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened.</param>
    public PeerFailedException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">The cause.</param>
    public PeerFailedException(string message, Exception innerException)
        : base(message, innerException) { }

    internal PeerFailedException(string message, IReadOnlyList<int> ranks)
        : base(message) => Ranks = ranks;

    /// <summary>The ranks that failed, ascending.</summary>
    public IReadOnlyList<int> Ranks { get; } = [];
}
