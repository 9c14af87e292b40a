// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Net;

internal sealed partial class RpcConnection
{
    /// <summary>Calls a method of the peer.</summary>
    /// <param name="service">Service id.</param>
    /// <param name="method">Method id.</param>
    /// <param name="request">The request. Bulk data in it must not change until the call returns.</param>
    /// <param name="timeout">Time limit for the answer.</param>
    /// <param name="sink">Takes the answer's bulk bytes from the socket; null buffers them.</param>
    /// <param name="cancellationToken">Gives the call up; the peer may execute it nevertheless.</param>
    /// <returns>The answer, or the peer's error, or a transport error (codes 2000 to 2999).</returns>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public ValueTask<Result<TRsp>> CallAsync<TReq, TRsp>(
        ushort service,
        ushort method,
        TReq request,
        TimeSpan timeout,
        IInlineReplySink<TRsp>? sink = null,
        CancellationToken cancellationToken = default
    )
        where TReq : ISerdeStruct<TReq>, new()
        where TRsp : ISerdeStruct<TRsp>, new() =>
        CallAsync<TReq, StructOf<TReq>, TRsp, StructOf<TRsp>>(
            service,
            method,
            request,
            timeout,
            sink,
            cancellationToken
        );

    /// <summary>Calls a method whose messages have codecs of their own.</summary>
    public async ValueTask<Result<TRsp>> CallAsync<TReq, TReqCodec, TRsp, TRspCodec>(
        ushort service,
        ushort method,
        TReq request,
        TimeSpan timeout,
        IInlineReplySink<TRsp>? sink,
        CancellationToken cancellationToken
    )
        where TReqCodec : struct, ISerdeCodec<TReq>
        where TRspCodec : struct, ISerdeCodec<TRsp>
    {
        cancellationToken.ThrowIfCancellationRequested();
        var header = new PacketHeader
        {
            Uuid = Interlocked.Increment(ref s_lastUuid),
            ServiceId = service,
            MethodId = method,
            Flags =
                PacketFlags.IsRequest
                | (
                    Options.AcceptCompressed && Options.Compressor is not null
                        ? PacketFlags.UseCompression
                        : PacketFlags.None
                ),
        };
        if (Options.SendTimestamps)
        {
            var now = NowMicroseconds();
            header.Timestamp = new PacketTimestamp { ClientCalled = now, ClientSerialized = now };
        }

        var frame = FrameEncoder.Encode<TReq, TReqCodec>(
            header,
            request,
            Options.MaxFrameBytes,
            trackRelease: true
        );
        var call = new PendingCall<TRsp, TRspCodec>(sink);
        _pending[header.Uuid] = call;
        Enqueue(frame);
        if (IsClosed)
        {
            FailPending();
        }

        try
        {
            var result = await call
                .Task.WaitAsync(timeout, Options.TimeProvider, cancellationToken)
                .ConfigureAwait(false);
            return !result.HasValue && frame.IsWithdrawn
                ? new Status(
                    StatusCode.RpcSendFailed,
                    $"connection to {RemoteEndPoint} lost before the request was sent: {CloseReason}"
                )
                : result;
        }
        catch (TimeoutException)
        {
            return new Status(
                StatusCode.RpcTimeout,
                $"no answer from {RemoteEndPoint} within {timeout.TotalSeconds:0.###} s"
            );
        }
        finally
        {
            _pending.TryRemove(header.Uuid, out _);
            await ReclaimAsync(call, frame).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Returns when neither loop touches the caller's memory any more. A peer that stalls in the middle of a frame
    /// is cut off, because nothing else ends that frame.
    /// </summary>
    private async ValueTask ReclaimAsync<T, TCodec>(
        PendingCall<T, TCodec> call,
        OutgoingFrame frame
    )
        where TCodec : struct, ISerdeCodec<T>
    {
        if (!call.Task.IsCompleted && !call.TryAbandon())
        {
            await WaitOrAbortAsync(call.Task).ConfigureAwait(false);
        }

        if (!frame.Released.IsCompleted && !frame.TryWithdraw())
        {
            await WaitOrAbortAsync(frame.Released).ConfigureAwait(false);
        }
    }

    private async ValueTask WaitOrAbortAsync(Task task)
    {
        try
        {
            await task.WaitAsync(Options.AbortGrace, Options.TimeProvider).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            Abort(new Status(StatusCode.RpcTimeout, "the peer stalled in the middle of a frame"));
            await task.ConfigureAwait(false);
        }
    }
}
