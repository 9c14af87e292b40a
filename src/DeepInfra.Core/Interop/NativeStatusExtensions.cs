// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text;
using DeepInfra.Core.Cuda;

namespace DeepInfra.Core.Interop;

/// <summary>From statuses of the native libraries to exceptions.</summary>
internal static unsafe class NativeStatusExtensions
{
    /// <summary>Throws what a status of <c>libdeepinfra_core</c> says; one comparison if it is success.</summary>
    /// <param name="status">What the call returned.</param>
    /// <param name="operation">The operation, for the message.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ThrowIfFailed(this NativeStatus status, string operation)
    {
        if (status != NativeStatus.Ok)
            Throw(status, operation, &CoreNativeMethods.LastError);
    }

    /// <summary>Throws what a status says.</summary>
    /// <param name="status">What the call returned.</param>
    /// <param name="operation">The operation, for the message.</param>
    /// <param name="lastError">The function of the same library that copies the error record of this thread.</param>
    [DoesNotReturn]
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Throw(
        NativeStatus status,
        string operation,
        delegate* <NativeErrorInfo*, NativeStatus> lastError
    )
    {
        var info = new NativeErrorInfo { StructSize = (uint)sizeof(NativeErrorInfo) };
        var isKnown = lastError(&info) == NativeStatus.Ok && info.Status == status;
        throw ToException(
            status,
            operation,
            isKnown ? Text(info.Message) : "no details",
            isKnown ? info.NativeCode : 0
        );
    }

    /// <summary>The exception of a failed call.</summary>
    /// <param name="status">What the call returned.</param>
    /// <param name="operation">The operation.</param>
    /// <param name="message">What the library says.</param>
    /// <param name="nativeCode">CUresult or errno.</param>
    internal static Exception ToException(
        NativeStatus status,
        string operation,
        string message,
        int nativeCode
    )
    {
        var text = $"{operation}: {message}";
        return status switch
        {
            NativeStatus.InvalidArgument => new ArgumentException(text),
            NativeStatus.NotSupported => new NotSupportedException(text),
            NativeStatus.OutOfMemory when nativeCode == 0 => new InsufficientMemoryException(text),
            NativeStatus.DeviceError or NativeStatus.OutOfMemory => new CudaException(
                (CudaErrorCode)nativeCode,
                text
            ),
            NativeStatus.Timeout => new TimeoutException(text),
            NativeStatus.Cancelled => new OperationCanceledException(text),
            NativeStatus.IoError => new IOException(text),
            NativeStatus.AbiMismatch => new NativeAbiMismatchException(text),
            _ => new DeepInfraException($"{text} (status {status})"),
        };
    }

    private static string Text(NativeErrorInfo.MessageBuffer buffer)
    {
        ReadOnlySpan<byte> bytes = buffer;
        var end = bytes.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]);
    }
}
