// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Net;

internal sealed partial class RpcConnection
{
    private PendingCall? _claimed;

    /// <summary>
    /// Receives a large answer whose bulk bytes go straight to the caller's memory. Null means that the frame is not
    /// of that kind and nothing was consumed; false is the end of the stream.
    /// </summary>
    private async ValueTask<bool?> TryReceiveIntoSinkAsync(FrameHeader header, int total)
    {
        var start = Math.Min(total, FrameHeader.Bytes + 64);
        if (!await FillAsync(start).ConfigureAwait(false))
        {
            return false;
        }

        if (
            !PacketHeader.TryReadStart(
                _buffer.AsSpan(_start + FrameHeader.Bytes, Available - FrameHeader.Bytes),
                out var packet,
                out var payloadOffset,
                out var payloadLength
            )
            || packet.IsRequest
            || !_pending.TryGetValue(packet.Uuid, out var call)
            || call.Sink is not { } sink
        )
        {
            return null;
        }

        var head = FrameHeader.Bytes + payloadOffset;
        if (
            !await FillAsync(
                    Math.Min(total, Math.Min(_buffer.Length, head + sink.HeadBytesEstimate))
                )
                .ConfigureAwait(false)
        )
        {
            return false;
        }

        var arrived = _buffer.AsSpan(_start, Math.Min(Available, total))[head..];
        if (
            !sink.TryStart(arrived, out var headLength, out var bulkLength)
            || headLength + bulkLength > payloadLength
            || head + headLength + bulkLength > total
        )
        {
            return null;
        }

        if (!call.TryClaim())
        {
            return null;
        }

        _pending.TryRemove(packet.Uuid, out _);
        // From here on the receive loop writes to the caller's memory; when it ends early, it fails the call last.
        _claimed = call;
        var frame = new SinkFrame(total, head + headLength, bulkLength);
        var received = await ReceiveClaimedAsync(header, call, sink, frame).ConfigureAwait(false);
        if (received)
        {
            _claimed = null;
        }

        return received;
    }

    private async ValueTask<bool> ReceiveClaimedAsync(
        FrameHeader header,
        PendingCall call,
        IInlineReplySink sink,
        SinkFrame frame
    )
    {
        var register = Crc32C.Append(
            0,
            _buffer.AsSpan(_start + FrameHeader.Bytes, frame.BulkStart - FrameHeader.Bytes)
        );
        _start += frame.BulkStart;
        var missing = frame.BulkLength;
        // After one large answer the next is likely to be large too: read no more than its head into the buffer,
        // because bytes that land there must be copied once more.
        _fillLimit = sink.NextTarget().Length >= DirectReceiveBytes ? HeadBytes : int.MaxValue;
        while (missing > 0)
        {
            var target = sink.NextTarget();
            if (target.IsEmpty)
            {
                throw new FrameException("an answer has more bulk bytes than its results announce");
            }

            if (Available == 0 && target.Length < DirectReceiveBytes)
            {
                if (!await FillAsync(1).ConfigureAwait(false))
                {
                    return false;
                }
            }

            int count;
            if (Available > 0)
            {
                count = (int)Math.Min(Math.Min(Available, target.Length), missing);
                _buffer.AsSpan(_start, count).CopyTo(target.Span);
                _start += count;
            }
            else
            {
                var piece = (int)Math.Min(Math.Min(target.Length, missing), PieceBytes);
                count = await _socket
                    .ReceiveAsync(target[..piece], SocketFlags.None)
                    .ConfigureAwait(false);
                if (count == 0)
                {
                    return false;
                }

                Touch();
            }

            sink.Advance(count);
            missing -= count;
        }

        register = sink.AppendChecksum(register);
        var tail = frame.Total - frame.BulkStart - (int)frame.BulkLength;
        if (tail > _buffer.Length)
        {
            throw new FrameException($"{tail} bytes follow the bulk data of an answer");
        }

        if (!await FillAsync(tail).ConfigureAwait(false))
        {
            return false;
        }

        register = Crc32C.Append(register, _buffer.AsSpan(_start, tail));
        if (!header.Matches(register))
        {
            ThrowChecksumMismatch(header);
        }

        _start += tail;
        call.CompleteFromSink();
        return true;
    }

    /// <summary>Where the parts of a claimed answer lie in its frame.</summary>
    private readonly record struct SinkFrame(int Total, int BulkStart, long BulkLength);
}
