// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe;

/// <summary>A stage broke its contract: wrong number or shape of tensors, missing activation, shared storage.</summary>
public sealed class PipelineStageException : PipelineException
{
    /// <summary>Creates an exception without details.</summary>
    public PipelineStageException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">Which stage broke which rule.</param>
    public PipelineStageException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">Which stage broke which rule.</param>
    /// <param name="innerException">The cause.</param>
    public PipelineStageException(string message, Exception innerException)
        : base(message, innerException) { }
}
