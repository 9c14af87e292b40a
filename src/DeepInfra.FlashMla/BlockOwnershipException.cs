// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla;

/// <summary>A cache block was freed twice, does not belong to the allocator, or a sequence was used after it was freed or in a foreign cache.</summary>
public sealed class BlockOwnershipException : FlashMlaException
{
    /// <summary>Creates an exception with a default message.</summary>
    public BlockOwnershipException() { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened.</param>
    public BlockOwnershipException(string message)
        : base(message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">The cause.</param>
    public BlockOwnershipException(string message, Exception innerException)
        : base(message, innerException) { }
}
