// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Storage;

/// <summary>How the storage client sees the codes of servers and of the transport.</summary>
internal static class StorageErrors
{
    /// <summary>The client's code for a server's code.</summary>
    public static StatusCode ToClient(StatusCode code) =>
        code switch
        {
            StatusCode.InvalidArg => StatusCode.StorageClientInvalidArg,
            StatusCode.RpcTimeout => StatusCode.StorageClientTimeout,
            StatusCode.RpcSendFailed
            or StatusCode.RpcRequestRefused
            // A refused connection is a failed communication too: the node may be on its way up.
            or StatusCode.RpcConnectFailed => StatusCode.StorageClientCommError,
            StatusCode.RpcVerifyRequestFailed or StatusCode.RpcVerifyResponseFailed =>
                StatusCode.StorageClientProtocolMismatch,
            StatusCode.StorageChunkMetadataNotFound => StatusCode.StorageClientChunkNotFound,
            StatusCode.StorageChunkReadFailed => StatusCode.StorageClientRemoteIOError,
            StatusCode.StorageChecksumMismatch => StatusCode.StorageClientChecksumMismatch,
            StatusCode.StorageChainVersionMismatch =>
                StatusCode.StorageClientRoutingVersionMismatch,
            StatusCode.StorageChunkNotCommit => StatusCode.StorageClientChunkNotCommit,
            StatusCode.StorageChannelIsLocked => StatusCode.StorageClientResourceBusy,
            StatusCode.ReadOnlyMode => StatusCode.StorageClientReadOnlyServer,
            >= StatusCode.StorageClientInitFailed and <= StatusCode.StorageClientFoundBug => code,
            _ => StatusCode.StorageClientServerError,
        };

    /// <summary>The client's view of a failed status; the server's code stays in the message.</summary>
    public static Status ToClient(Status status)
    {
        var code = ToClient(status.Code);
        return code == status.Code ? status : new Status(code, status.ToString());
    }

    /// <summary>True when trying again cannot help.</summary>
    public static bool IsPermanent(StatusCode code) =>
        code
            is StatusCode.StorageClientMemoryError
                or StatusCode.StorageClientInvalidArg
                or StatusCode.StorageClientChunkNotFound
                or StatusCode.StorageClientBadConfig
                or StatusCode.StorageClientProtocolMismatch
                or StatusCode.StorageClientRequestCanceled
                or StatusCode.StorageClientReadOnlyServer
                or StatusCode.StorageClientNoSpace
                or StatusCode.StorageClientFoundBug
                or StatusCode.StorageClientChecksumMismatch;

    /// <summary>True when the routing information may be out of date.</summary>
    public static bool WantsRouting(StatusCode code) =>
        code
            is StatusCode.StorageClientRoutingVersionMismatch
                or StatusCode.StorageClientNotAvailable
                or StatusCode.StorageClientRoutingError
                or StatusCode.StorageClientTimeout
                // A node that cannot be reached may have come back at another address.
                or StatusCode.StorageClientCommError;

    /// <summary>True when another replica may do better.</summary>
    public static bool AvoidTarget(StatusCode code) =>
        code
            is StatusCode.StorageClientCommError
                or StatusCode.StorageClientTimeout
                or StatusCode.StorageClientRemoteIOError
                or StatusCode.StorageClientChecksumMismatch;

    /// <summary>True when the obstacle goes away quickly.</summary>
    public static bool IsShort(StatusCode code) =>
        code
            is StatusCode.StorageClientRoutingVersionMismatch
                or StatusCode.StorageClientChunkNotCommit;
}
