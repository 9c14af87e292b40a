// SPDX-License-Identifier: MIT
using DeepInfra.Core.Jit;

namespace DeepInfra.Core.Cuda;

/// <summary>The installed CUDA driver lacks what DeepInfra needs: its version is too low or an entry point is missing.</summary>
public sealed class CudaDriverTooOldException : CudaException
{
    private const string Remedy = "Install an NVIDIA driver of release 525.60 or newer.";

    /// <summary>Creates an exception with a default message.</summary>
    public CudaDriverTooOldException()
        : this("The CUDA driver is too old.") { }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What happened and what to do about it.</param>
    public CudaDriverTooOldException(string message)
        : base(CudaErrorCode.NotSupported, "", message) { }

    /// <summary>Creates an exception with a message and its cause.</summary>
    /// <param name="message">What happened and what to do about it.</param>
    /// <param name="innerException">The cause.</param>
    public CudaDriverTooOldException(string message, Exception innerException)
        : base(CudaErrorCode.NotSupported, "", message, innerException) { }

    private CudaDriverTooOldException(string message, int found, int required, string? entryPoint)
        : base(CudaErrorCode.NotSupported, entryPoint ?? "cuDriverGetVersion", message)
    {
        FoundVersion = found;
        RequiredVersion = required;
        MissingEntryPoint = entryPoint;
    }

    private CudaDriverTooOldException(string message, int found, int required, Exception cause)
        : base(CudaErrorCode.NotSupported, "cuLibraryLoadData", message, cause)
    {
        FoundVersion = found;
        RequiredVersion = required;
    }

    /// <summary>CUDA version of the driver as it encodes it: 1000 · major + 10 · minor.</summary>
    public int FoundVersion { get; }

    /// <summary>Lowest CUDA version that will do, encoded the same way.</summary>
    public int RequiredVersion { get; }

    /// <summary>The function that the driver lacks; null if its version number alone is too low.</summary>
    public string? MissingEntryPoint { get; }

    internal static CudaDriverTooOldException ForVersion(string library, int found, int required) =>
        new(
            $"{library} supports CUDA {Text(found)}, but DeepInfra needs {Text(required)} or newer. {Remedy}",
            found,
            required,
            entryPoint: null
        );

    internal static CudaDriverTooOldException ForEntryPoint(
        string library,
        int found,
        int required,
        string entryPoint
    ) =>
        new(
            $"{library} (CUDA {Text(found)}) has no entry point {entryPoint}. {Remedy}",
            found,
            required,
            entryPoint
        );

    internal static CudaDriverTooOldException ForKernel(
        CompiledKernel kernel,
        string library,
        int found,
        Version compiler,
        CudaException cause
    ) =>
        new(
            $"Kernel {kernel.Name} for {kernel.Architecture} was compiled by NVRTC {compiler}, and {library} supports CUDA {Text(found)}: it does not take it ({cause.ErrorName}). "
                + $"Install a driver for CUDA {compiler}, or NVRTC {Text(found)} or older (DEEPINFRA_NVRTC_PATH).",
            found,
            1000 * compiler.Major + 10 * compiler.Minor,
            cause
        );

    internal static string Text(int version) => $"{version / 1000}.{version % 1000 / 10}";
}
