// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Cluster.Chunks;
using DeepInfra.Fs.Cluster.KeyValue;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Cluster;

/// <summary>Adds handlers to a service so that the exceptions of this package become protocol statuses.</summary>
internal static class ServiceMapping
{
    /// <summary>Adds a method whose handler is asynchronous.</summary>
    public static RpcService On<TReq, TRsp>(
        this RpcService service,
        ushort method,
        string name,
        Func<TReq, CancellationToken, ValueTask<TRsp>> handler
    )
        where TReq : ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new() =>
        service.Map<TReq, TRsp>(
            method,
            name,
            async (request, context) =>
            {
                try
                {
                    return await handler(request, context.Aborted).ConfigureAwait(false);
                }
                catch (Exception e) when (StatusOf(e) is { } status)
                {
                    return status;
                }
            }
        );

    /// <summary>Adds a method whose handler is synchronous.</summary>
    public static RpcService On<TReq, TRsp>(
        this RpcService service,
        ushort method,
        string name,
        Func<TReq, TRsp> handler
    )
        where TReq : ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new() =>
        service.On<TReq, TRsp>(method, name, (request, _) => new ValueTask<TRsp>(handler(request)));

    /// <summary>The status of an exception that a service expects, or null.</summary>
    public static Status? StatusOf(Exception exception) =>
        exception switch
        {
            ServiceException e => e.Status,
            ChunkStoreException e => e.Status,
            KeyValueConflictException e => new Status(StatusCode.TransactionConflict, e.Message),
            RocksDbSharp.RocksDbSharpException e => new Status(
                StatusCode.KvStoreGetError,
                e.Message
            ),
            ClusterStorageException e => new Status(StatusCode.KvStoreSetError, e.Message),
            NotSupportedException e => new Status(StatusCode.NotImplemented, e.Message),
            ObjectDisposedException e => new Status(StatusCode.RpcRequestRefused, e.Message),
            _ => null,
        };
}
