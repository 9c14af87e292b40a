// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla;

/// <summary>A KV cache has too few free blocks for a request. Nothing was allocated; free sequences and try again.</summary>
public sealed class KvCacheFullException : FlashMlaException
{
    /// <summary>Creates an exception with a default message.</summary>
    public KvCacheFullException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened.</param>
    public KvCacheFullException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">The cause.</param>
    public KvCacheFullException(string message, Exception innerException)
        : base(message, innerException) { }
}
