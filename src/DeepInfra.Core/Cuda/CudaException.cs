// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>A call of the CUDA driver failed.</summary>
public class CudaException : DeepInfraException
{
    /// <summary>Creates an exception with a default message.</summary>
    public CudaException()
        : this(CudaErrorCode.Unknown, "") { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened and what to do about it.</param>
    public CudaException(string message)
        : base(message) => Code = CudaErrorCode.Unknown;

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened and what to do about it.</param>
    /// <param name="innerException">The cause.</param>
    public CudaException(string message, Exception innerException)
        : base(message, innerException) => Code = CudaErrorCode.Unknown;

    /// <summary>Creates an exception for a status of the driver.</summary>
    /// <param name="code">The status.</param>
    /// <param name="operation">The call that returned it, or the kernel that it is about.</param>
    public CudaException(CudaErrorCode code, string operation)
        : this(code, operation, $"{operation} failed with {CudaErrors.NameOf(code)} ({(int)code}).")
    { }

    internal CudaException(
        CudaErrorCode code,
        string operation,
        string what,
        Exception? innerException = null
    )
        : base(
            CudaErrors.HintFor(code) is { Length: > 0 } hint ? $"{what} {hint}" : what,
            innerException!
        )
    {
        Code = code;
        Operation = operation;
    }

    /// <summary>The status of the driver.</summary>
    public CudaErrorCode Code { get; }

    /// <summary>The status' name in NVIDIA's headers, such as <c>CUDA_ERROR_OUT_OF_MEMORY</c>.</summary>
    public string ErrorName => CudaErrors.NameOf(Code);

    /// <summary>What to do about it; empty if there is no general advice. Part of the message.</summary>
    public string Hint => CudaErrors.HintFor(Code);

    /// <summary>The call that failed.</summary>
    public string Operation { get; } = "";

    /// <summary>
    /// True if the device is lost to this process: every later call on it throws, until the process is restarted.
    /// Disposing is still allowed and does nothing.
    /// </summary>
    public bool IsSticky => CudaErrors.IsSticky(Code);
}
