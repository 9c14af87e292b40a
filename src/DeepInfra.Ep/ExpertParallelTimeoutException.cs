// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep;

/// <summary>A rank waited longer than the timeout of its buffer for another rank.</summary>
public sealed class ExpertParallelTimeoutException : EpException
{
    /// <summary>Creates an exception with a default message.</summary>
    public ExpertParallelTimeoutException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened.</param>
    public ExpertParallelTimeoutException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">The cause.</param>
    public ExpertParallelTimeoutException(string message, Exception innerException)
        : base(message, innerException) { }

    internal ExpertParallelTimeoutException(EpErrorRecord record)
        : base(
            $"rank {record.Rank}: {record.Operation} waited {record.Elapsed.TotalSeconds:0.###} s for rank {record.Peer} in phase '{record.Phase}' (signal {record.Actual}, expected at least {record.Expected})"
        ) => Record = record;

    /// <summary>Who waited for whom, in which phase; null if the exception was not thrown by a buffer.</summary>
    public EpErrorRecord? Record { get; }
}
