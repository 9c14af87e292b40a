// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>Device or pinned memory could not be allocated. Nothing else changed: free some and try again.</summary>
public sealed class CudaOutOfMemoryException : CudaException
{
    /// <summary>Creates an exception with a default message.</summary>
    public CudaOutOfMemoryException()
        : base(CudaErrorCode.OutOfMemory, "allocation") { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened and what to do about it.</param>
    public CudaOutOfMemoryException(string message)
        : base(CudaErrorCode.OutOfMemory, "allocation", message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened and what to do about it.</param>
    /// <param name="innerException">The cause.</param>
    public CudaOutOfMemoryException(string message, Exception innerException)
        : base(CudaErrorCode.OutOfMemory, "allocation", message, innerException) { }

    internal CudaOutOfMemoryException(
        string operation,
        string where,
        long requestedBytes,
        long freeBytes,
        long totalBytes
    )
        : base(
            CudaErrorCode.OutOfMemory,
            operation,
            $"{operation} of {requestedBytes} bytes on {where} failed with CUDA_ERROR_OUT_OF_MEMORY: "
                + $"{freeBytes} of {totalBytes} bytes are free, DeepInfra holds {DeviceMemory.LiveBytes} in {DeviceMemory.LiveCount} allocations."
        )
    {
        RequestedBytes = requestedBytes;
        FreeBytes = freeBytes;
        TotalBytes = totalBytes;
    }

    /// <summary>Bytes asked for.</summary>
    public long RequestedBytes { get; }

    /// <summary>Bytes that were free on the device when the allocation failed.</summary>
    public long FreeBytes { get; }

    /// <summary>Bytes of the device.</summary>
    public long TotalBytes { get; }
}
