// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Net;

internal sealed partial class RpcConnection
{
    private readonly SemaphoreSlim _capacity = new(0, 1);
    private readonly Lock _reservationLock = new();
    private readonly Queue<(long Bytes, TaskCompletionSource Turn)> _waitingReservations = new();
    private long _reservedBytes;
    private bool _waitingForCapacity;
    private long _bytesInProcessing;

    /// <summary>Called by a request when its answer has been queued or given up.</summary>
    public void RequestDone(long receivedBytes)
    {
        Interlocked.Add(ref _bytesInProcessing, -receivedBytes);
        _gate?.Exit();
        SignalCapacity();
    }

    /// <summary>
    /// Reserves memory for an answer. One caller may have as much memory in answers as in requests; who wants more
    /// waits until earlier answers have left. A single larger answer passes alone.
    /// </summary>
    /// <exception cref="OperationCanceledException">The connection was lost.</exception>
    public ValueTask ReserveAsync(long bytes)
    {
        lock (_reservationLock)
        {
            if (_waitingReservations.Count == 0 && FitsReservation(bytes))
            {
                _reservedBytes += bytes;
                return ValueTask.CompletedTask;
            }

            if (IsClosed)
            {
                return ValueTask.FromCanceled(Closed);
            }

            var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waitingReservations.Enqueue((bytes, turn));
            return new ValueTask(turn.Task);
        }
    }

    /// <summary>Gives reserved memory back.</summary>
    public void Unreserve(long bytes)
    {
        lock (_reservationLock)
        {
            _reservedBytes -= bytes;
            while (_waitingReservations.TryPeek(out var next) && FitsReservation(next.Bytes))
            {
                _waitingReservations.Dequeue();
                if (next.Turn.TrySetResult())
                {
                    _reservedBytes += next.Bytes;
                }
            }
        }
    }

    private bool FitsReservation(long bytes) =>
        _reservedBytes == 0 || _reservedBytes + bytes <= Options.MaxBytesInProcessing;

    private void CancelReservations()
    {
        lock (_reservationLock)
        {
            while (_waitingReservations.TryDequeue(out var waiting))
            {
                waiting.Turn.TrySetCanceled(Closed);
            }
        }
    }

    /// <summary>Verifies, decodes and starts a request; true when the lease now belongs to it.</summary>
    private bool DispatchRequest(
        in PacketHeader packet,
        FrameHeader? unverified,
        ReadOnlySpan<byte> body,
        int payloadOffset,
        int payloadLength,
        BufferLease? lease
    )
    {
        var method = _services?.Find(packet.ServiceId, packet.MethodId);
        var reader = lease is null
            ? new SerdeReader(body.Slice(payloadOffset, payloadLength))
            : new SerdeReader(
                lease.Memory.Slice(payloadOffset, payloadLength),
                checksumBlobs: true
            );
        RpcCallContext? call = null;
        var refusal = Status.Ok;
        if (method is null)
        {
            refusal = new Status(StatusCode.RpcInvalidMethodId);
        }
        else
        {
            try
            {
                call = method.Decode(this, packet, ref reader);
            }
            catch (SerdeException)
            {
                refusal = new Status(StatusCode.RpcVerifyRequestFailed);
            }
        }

        if (unverified is { } header && !header.Matches(Checksum(body, payloadOffset, reader)))
        {
            ThrowChecksumMismatch(header);
        }

        if (call is not null && _gate is not null && !_gate.TryEnter())
        {
            call = null;
            refusal = new Status(StatusCode.RpcRequestRefused);
        }

        if (call is null)
        {
            Enqueue(EncodeRefusal(packet, refusal));
            return false;
        }

        if (lease is not null)
        {
            call.DisposeAfterReply(lease);
        }

        Interlocked.Add(ref _bytesInProcessing, body.Length);
        call.Start(body.Length);
        return lease is not null;
    }

    /// <summary>The body's register; bulk data that the reader has checksummed is not read again.</summary>
    private static uint Checksum(ReadOnlySpan<byte> body, int payloadOffset, in SerdeReader reader)
    {
        if (reader.LargestBlobLength == 0)
        {
            return Crc32C.Append(0, body);
        }

        var start = payloadOffset + reader.LargestBlobStart;
        var register = Crc32C.Append(0, body[..start]);
        register = Crc32C.AppendKnown(
            register,
            reader.LargestBlobChecksum,
            (ulong)reader.LargestBlobLength
        );
        return Crc32C.Append(register, body[(start + reader.LargestBlobLength)..]);
    }

    private static OutgoingFrame EncodeRefusal(PacketHeader packet, Status status)
    {
        packet.Flags = PacketFlags.None;
        return FrameEncoder.Encode<Result<Unit>, ResultOf<Unit, Nothing>>(packet, status);
    }

    /// <summary>Stops reading while requests in processing and unsent answers hold too much memory.</summary>
    private async ValueTask WaitForCapacityAsync()
    {
        while (IsOverCapacity())
        {
            Volatile.Write(ref _waitingForCapacity, true);
            if (IsOverCapacity())
            {
                await _capacity.WaitAsync(Closed).ConfigureAwait(false);
            }

            Volatile.Write(ref _waitingForCapacity, false);
        }
    }

    private bool IsOverCapacity() =>
        Interlocked.Read(ref _bytesInProcessing) + Interlocked.Read(ref _queuedBytes)
        > Options.MaxBytesInProcessing;

    private void SignalCapacity()
    {
        if (!Volatile.Read(ref _waitingForCapacity))
        {
            return;
        }

        try
        {
            _capacity.Release();
        }
        catch (SemaphoreFullException)
        {
            // Already signalled.
        }
    }
}
