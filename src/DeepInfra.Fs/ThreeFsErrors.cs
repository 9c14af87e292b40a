// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs;

/// <summary>Turns status codes into the exceptions that .NET callers look for.</summary>
internal static class ThreeFsErrors
{
    private const int FileExists = unchecked((int)0x80070050);

    /// <summary>The exception for a failed operation.</summary>
    /// <param name="status">Code and message.</param>
    /// <param name="operation">What was attempted, as in "cannot open the file".</param>
    /// <param name="path">Path or description of the object.</param>
    /// <param name="directory">Whether a missing object is a directory.</param>
    public static Exception ToException(
        Status status,
        string operation,
        string? path,
        bool directory = false
    )
    {
        var detail = string.IsNullOrEmpty(status.Message) ? "" : $": {status.Message}";
        var inner = new ThreeFsException(
            status.Code,
            $"cannot {operation}{detail}",
            path,
            HintFor(status.Code)
        );
        var text = inner.Message;
        return status.Code switch
        {
            StatusCode.MetaNotFound when directory => new DirectoryNotFoundException(text, inner),
            StatusCode.MetaNotFound => new FileNotFoundException(text, path, inner),
            StatusCode.MetaExists => new FileExistsException(text, inner, FileExists),
            StatusCode.MetaNoPermission
            or StatusCode.AuthenticationFail
            or StatusCode.TokenMismatch
            or StatusCode.TokenStale
            or StatusCode.MgmtdNotAdmin => new UnauthorizedAccessException(text, inner),
            StatusCode.MetaNameTooLong => new PathTooLongException(text, inner),
            StatusCode.MetaNotEmpty
            or StatusCode.MetaNotDirectory
            or StatusCode.MetaTooManySymlinks
            or StatusCode.MetaIsDirectory
            or StatusCode.MetaNotFile
            or StatusCode.MetaNoLock
            or StatusCode.StorageClientNoSpace
            or StatusCode.ReadOnlyMode
            or StatusCode.StorageClientReadOnlyServer => new IOException(text, inner),
            StatusCode.InvalidArg or StatusCode.StorageClientInvalidArg => new ArgumentException(
                text,
                inner
            ),
            StatusCode.RpcTimeout
            or StatusCode.StorageClientTimeout
            or StatusCode.MetaOperationTimeout => new TimeoutException(text, inner),
            (>= StatusCode.SerdeInsufficientLength and <= StatusCode.SerdeKeyNotFound)
            or StatusCode.RpcVerifyRequestFailed
            or StatusCode.RpcVerifyResponseFailed
            or StatusCode.StorageClientProtocolMismatch => new InvalidDataException(text, inner),
            _ => inner,
        };
    }

    private static string? HintFor(StatusCode code) =>
        code switch
        {
            StatusCode.StorageClientNotAvailable =>
                "no replica of the chunk's chain is serving; look at the chain's targets",
            StatusCode.StorageClientChecksumMismatch =>
                "the data was damaged on its way or on a disk; read it from another replica",
            StatusCode.MgmtdClientRoutingInfoNotReady =>
                "the file's chain table is not in the routing information",
            StatusCode.MgmtdClientMetaServiceNotAvailable => "no metadata server is connected",
            StatusCode.StorageClientNoSpace => "a storage target of the file is full",
            StatusCode.MetaExists =>
                "a create that was sent again after a lost answer can meet its own file",
            _ => null,
        };

    private sealed class FileExistsException : IOException
    {
        public FileExistsException(string message, Exception inner, int result)
            : base(message, inner)
        {
            HResult = result;
        }
    }
}
