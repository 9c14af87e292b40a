// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Net;

/// <summary>One service of a server: its id and the handlers of its methods.</summary>
/// <param name="id">Id on the wire, see <see cref="ServiceId"/>.</param>
/// <param name="name">Name for diagnostics and routing information.</param>
internal sealed class RpcService(ushort id, string name)
{
    private readonly Dictionary<ushort, RpcMethod> _methods = [];

    public ushort Id { get; } = id;

    public string Name { get; } = name;

    /// <summary>
    /// Adds a method. The handler runs on the thread pool; an exception becomes an error result (the code of a
    /// <see cref="ThreeFsException"/>, otherwise <see cref="StatusCode.Unknown"/>). Bulk data of the request is
    /// valid until the answer has been sent.
    /// </summary>
    public RpcService Map<TReq, TRsp>(
        ushort method,
        string methodName,
        Func<TReq, RpcCallContext, ValueTask<Result<TRsp>>> handler
    )
        where TReq : ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new() =>
        Map<TReq, StructOf<TReq>, TRsp, StructOf<TRsp>>(method, methodName, handler);

    /// <summary>Adds a method whose messages have codecs of their own.</summary>
    public RpcService Map<TReq, TReqCodec, TRsp, TRspCodec>(
        ushort method,
        string methodName,
        Func<TReq, RpcCallContext, ValueTask<Result<TRsp>>> handler
    )
        where TReqCodec : struct, ISerdeCodec<TReq>
        where TRspCodec : struct, ISerdeCodec<TRsp>
    {
        _methods.Add(
            method,
            new RpcMethod<TReq, TReqCodec, TRsp, TRspCodec>(method, $"{Name}.{methodName}", handler)
        );
        return this;
    }

    public RpcMethod? Find(ushort method) => _methods.GetValueOrDefault(method);
}

/// <summary>The services that a listener offers.</summary>
internal sealed class RpcServiceTable
{
    private readonly Dictionary<ushort, RpcService> _services = [];

    public RpcServiceTable(params ReadOnlySpan<RpcService> services)
    {
        foreach (var service in services)
        {
            _services.Add(service.Id, service);
        }
    }

    public IEnumerable<RpcService> Services => _services.Values;

    public RpcMethod? Find(ushort service, ushort method) =>
        _services.TryGetValue(service, out var found) ? found.Find(method) : null;
}

/// <summary>One method of a service.</summary>
internal abstract class RpcMethod(ushort id, string name)
{
    public ushort Id { get; } = id;

    /// <summary>Service and method for diagnostics.</summary>
    public string Name { get; } = name;

    /// <summary>Decodes a request into something that can run.</summary>
    /// <exception cref="SerdeException">The payload does not decode.</exception>
    public abstract RpcCallContext Decode(
        RpcConnection connection,
        in PacketHeader header,
        ref SerdeReader payload
    );
}

internal sealed class RpcMethod<TReq, TReqCodec, TRsp, TRspCodec>(
    ushort id,
    string name,
    Func<TReq, RpcCallContext, ValueTask<Result<TRsp>>> handler
) : RpcMethod(id, name)
    where TReqCodec : struct, ISerdeCodec<TReq>
    where TRspCodec : struct, ISerdeCodec<TRsp>
{
    public override RpcCallContext Decode(
        RpcConnection connection,
        in PacketHeader header,
        ref SerdeReader payload
    ) => new Invocation(connection, header, Name, payload.Read<TReq, TReqCodec>(), handler);

    private sealed class Invocation(
        RpcConnection connection,
        PacketHeader header,
        string methodName,
        TReq request,
        Func<TReq, RpcCallContext, ValueTask<Result<TRsp>>> handler
    ) : RpcCallContext(connection, header, methodName)
    {
        protected override async ValueTask<OutgoingFrame> HandleAsync()
        {
            Result<TRsp> result;
            try
            {
                result = await handler(request, this).ConfigureAwait(false);
            }
            catch (ThreeFsException e)
            {
                result = new Status(e.StatusCode, e.Message);
            }
            catch (SerdeException e)
            {
                result = new Status(e.Code, e.Message);
            }
            catch (Exception e)
            {
                if (e is not OperationCanceledException || !Aborted.IsCancellationRequested)
                {
                    FsLog.RequestFailed(Connection.Options.Logger, e, MethodName, RemoteEndPoint);
                }

                result = new Status(
                    StatusCode.Unknown,
                    $"{MethodName}: {e.GetType().Name}: {e.Message}"
                );
            }

            try
            {
                return Encode<Result<TRsp>, ResultOf<TRsp, TRspCodec>>(result);
            }
            catch (Exception e) when (e is ThreeFsException or OverflowException && result.HasValue)
            {
                // Larger than a frame: this caller hears of it, and the other calls of the connection go on.
                result = new Status(StatusCode.RpcSendFailed, $"{MethodName}: {e.Message}");
                return Encode<Result<TRsp>, ResultOf<TRsp, TRspCodec>>(result);
            }
        }
    }
}
