// SPDX-License-Identifier: MIT
using System.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Net;

/// <summary>A request that a server is processing.</summary>
internal abstract class RpcCallContext(
    RpcConnection connection,
    PacketHeader header,
    string methodName
) : IThreadPoolWorkItem
{
    private List<IDisposable>? _owned;
    private long _receivedBytes;

    /// <summary>Service and method, for diagnostics.</summary>
    public string MethodName { get; } = methodName;

    public ushort ServiceId => header.ServiceId;

    public ushort MethodId => header.MethodId;

    public PacketFlags Flags => header.Flags;

    public ulong Uuid => header.Uuid;

    public RpcConnection Connection => connection;

    public EndPoint? RemoteEndPoint => connection.RemoteEndPoint;

    /// <summary>Cancelled when the connection is lost; the answer can no longer be delivered.</summary>
    public CancellationToken Aborted => connection.Closed;

    /// <summary>Keeps a resource alive until the answer has been sent or dropped.</summary>
    public void DisposeAfterReply(IDisposable resource) => (_owned ??= []).Add(resource);

    /// <summary>Starts the request on the thread pool.</summary>
    public void Start(long receivedBytes)
    {
        _receivedBytes = receivedBytes;
        if (header.Timestamp is { } stamp)
        {
            stamp.ServerReceived = connection.NowMicroseconds();
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    void IThreadPoolWorkItem.Execute() => _ = RunAsync();

    /// <summary>Runs the handler and encodes its answer.</summary>
    protected abstract ValueTask<OutgoingFrame> HandleAsync();

    protected OutgoingFrame Encode<T, TCodec>(T payload)
        where TCodec : struct, ISerdeCodec<T>
    {
        if (header.Timestamp is { } stamp)
        {
            stamp.ServerProcessed = connection.NowMicroseconds();
            stamp.ServerSerialized = stamp.ServerProcessed;
        }

        var options = connection.Options;
        var answer = header;
        answer.Flags = PacketFlags.None;
        return FrameEncoder.Encode<T, TCodec>(
            answer,
            payload,
            FrameHeader.MaximumBodyBytes - 1,
            (header.Flags & PacketFlags.UseCompression) != 0 ? options.Compressor : null,
            options.CompressFromBytes,
            _owned
        );
    }

    private async Task RunAsync()
    {
        if (header.Timestamp is { } stamp)
        {
            stamp.ServerWaked = connection.NowMicroseconds();
        }

        OutgoingFrame? frame = null;
        try
        {
            var action = RpcFaultAction.Deliver;
            if (connection.Options.OnRequest is { } onRequest)
            {
                action = await onRequest(this).ConfigureAwait(false);
            }

            if (action == RpcFaultAction.Deliver)
            {
                frame = await HandleAsync().ConfigureAwait(false);
                if (connection.Options.OnReply is { } onReply)
                {
                    action = await onReply(this).ConfigureAwait(false);
                }
            }

            if (action == RpcFaultAction.Deliver)
            {
                connection.Enqueue(frame!);
                frame = null;
            }
            else if (action == RpcFaultAction.CloseConnection)
            {
                connection.Abort(
                    new Status(StatusCode.RpcSocketClosed, "closed by fault injection")
                );
            }
        }
        catch (Exception e)
        {
            FsLog.RequestFailed(connection.Options.Logger, e, MethodName, RemoteEndPoint);
            // Encoding failed (an answer above the frame limit, say): the caller must not wait for its time-out.
            connection.Abort(new Status(StatusCode.RpcSendFailed, $"{MethodName}: {e.Message}"));
        }
        finally
        {
            if (frame is not null)
            {
                frame.Release();
            }

            connection.RequestDone(_receivedBytes);
        }
    }
}
