// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Metadata;

/// <summary>What to do with an answer of the metadata service.</summary>
internal static class MetaRetry
{
    /// <summary>True when the operation may succeed if it is tried again.</summary>
    public static bool IsRetryable(StatusCode code) =>
        code switch
        {
            StatusCode.MetaInodeIdAllocFailed
            or StatusCode.MetaOTruncFailed
            or StatusCode.MetaBusy => true,
            >= StatusCode.MetaRetryable and < StatusCode.MetaNotRetryable => true,
            StatusCode.RpcInvalidMethodId => false,
            StatusCode.StorageClientChunkNotFound
            or StatusCode.StorageClientChecksumMismatch
            or StatusCode.StorageClientReadOnlyServer
            or StatusCode.StorageClientFoundBug => false,
            _ => ((int)code / 1000) is 1 or 2 or 5 or 6 or 7,
        };

    /// <summary>True when the server is only busy: a short wait is enough, without backing off.</summary>
    public static bool IsBusy(StatusCode code) =>
        code is StatusCode.RpcRequestRefused or StatusCode.RpcSendFailed or StatusCode.MetaBusy;

    /// <summary>True when the fault is the server's or the way to it, so that another server may do better.</summary>
    public static bool IsServerFault(StatusCode code) =>
        (int)code / 1000 == 2 && code != StatusCode.RpcInvalidMethodId
        || code == StatusCode.TransactionNetworkError;

    /// <summary>
    /// True when a failed open or create with a session may have taken effect, so that the session must be pruned.
    /// </summary>
    public static bool MayHaveOpenedSession(StatusCode code) =>
        code is StatusCode.TransactionMaybeCommitted or StatusCode.MetaOTruncFailed
        || (
            (int)code / 1000 == 2
            && code
                is not (
                    StatusCode.RpcSendFailed
                    or StatusCode.RpcConnectFailed
                    or StatusCode.RpcIBInitFailed
                    or StatusCode.RpcInvalidMethodId
                )
        );
}
