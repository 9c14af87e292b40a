// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Net.Sockets;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Net;

internal sealed partial class RpcConnection
{
    /// <summary>Larger requests get a buffer of their own, so that their bulk data need not be copied.</summary>
    private const int InPlaceRequestBytes = 16 << 10;

    /// <summary>Bulk targets at least this long are filled by the socket itself, shorter ones from the buffer.</summary>
    private const int DirectReceiveBytes = 32 << 10;

    /// <summary>Bytes received in one piece, so that they are checksummed while they are in the nearest caches.</summary>
    private const int PieceBytes = 256 << 10;

    /// <summary>Bytes read at a time while looking for the head of a large answer.</summary>
    private const int HeadBytes = 2048;

    /// <summary>Frames up to this size get their buffer at once.</summary>
    private const int TrustedFrameBytes = 8 << 20;

    /// <summary>How much more than what has arrived of a larger frame is allocated.</summary>
    private const long TrustGrowth = 8;

    private byte[] _buffer = [];
    private int _start;
    private int _end;
    private int _fillLimit = int.MaxValue;

    private int Available => _end - _start;

    private async Task ReceiveLoopAsync()
    {
        _buffer = ArrayPool<byte>.Shared.Rent(Options.ReceiveBufferBytes);
        var reason = new Status(StatusCode.RpcSocketClosed, "closed by peer");
        try
        {
            while (await ReceiveFrameAsync().ConfigureAwait(false))
            {
                await WaitForCapacityAsync().ConfigureAwait(false);
            }

            if (Available > 0)
            {
                reason = new Status(
                    StatusCode.RpcSocketClosed,
                    "closed by peer in the middle of a frame"
                );
            }
        }
        catch (FrameException e)
        {
            reason = new Status(StatusCode.RpcVerifyResponseFailed, e.Message);
        }
        catch (SerdeException e)
        {
            reason = new Status(
                StatusCode.RpcVerifyResponseFailed,
                $"packet does not decode: {e.Message}"
            );
        }
        catch (InvalidDataException e)
        {
            reason = new Status(
                StatusCode.RpcVerifyResponseFailed,
                $"body does not decompress: {e.Message}"
            );
        }
        catch (Exception e)
            when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            reason = new Status(StatusCode.RpcSocketError, e.Message);
        }
        catch (Exception e)
        {
            // A compressor of the caller that throws what it likes, for example: nothing that arrives may leave
            // calls waiting or take the owner down.
            reason = new Status(
                StatusCode.RpcVerifyResponseFailed,
                $"{e.GetType().Name}: {e.Message}"
            );
        }
        finally
        {
            var buffer = _buffer;
            _buffer = [];
            ArrayPool<byte>.Shared.Return(buffer);
            Abort(reason);
            // Only now, so that a caller who tries again finds this connection closed.
            _claimed?.Fail(LostStatus());
        }
    }

    /// <summary>Receives and handles one frame; false at the end of the stream.</summary>
    private async ValueTask<bool> ReceiveFrameAsync()
    {
        if (!await FillAsync(FrameHeader.Bytes).ConfigureAwait(false))
        {
            return false;
        }

        var header = FrameHeader.Read(_buffer.AsSpan(_start));
        if (!header.HasMagic)
        {
            throw new FrameException($"frame checksum 0x{header.Checksum:x8} lacks the magic byte");
        }

        if (header.Size == 0 || header.Size > (uint)Options.MaxReceivedFrameBytes)
        {
            throw new FrameException(
                $"frame of {header.Size} bytes; allowed are 1 to {Options.MaxReceivedFrameBytes}"
            );
        }

        var total = FrameHeader.Bytes + (int)header.Size;
        if (!header.IsCompressed && total > InPlaceRequestBytes)
        {
            if (await TryReceiveIntoSinkAsync(header, total).ConfigureAwait(false) is { } handled)
            {
                return handled;
            }
        }

        if (total <= _buffer.Length)
        {
            if (!await FillAsync(total).ConfigureAwait(false))
            {
                return false;
            }

            HandleBuffered(header);
            _start += total;
            return true;
        }

        return await ReceiveLargeAsync(header).ConfigureAwait(false);
    }

    /// <summary>Makes at least <paramref name="count"/> bytes available; false at the end of the stream.</summary>
    private async ValueTask<bool> FillAsync(int count)
    {
        if (_buffer.Length - _start < count)
        {
            _buffer.AsSpan(_start, Available).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        while (Available < count)
        {
            if (Available == 0)
            {
                _start = 0;
                _end = 0;
            }

            var space = _buffer.AsMemory(_end);
            var limit = Math.Max(_fillLimit, count - Available);
            var received = await _socket
                .ReceiveAsync(space.Length > limit ? space[..limit] : space, SocketFlags.None)
                .ConfigureAwait(false);
            if (received == 0)
            {
                return false;
            }

            _end += received;
            Touch();
        }

        return true;
    }

    /// <summary>Fills memory from the buffer and then from the socket; false at the end of the stream.</summary>
    private async ValueTask<bool> ReceiveExactlyAsync(Memory<byte> destination)
    {
        var buffered = Math.Min(Available, destination.Length);
        _buffer.AsSpan(_start, buffered).CopyTo(destination.Span);
        _start += buffered;
        destination = destination[buffered..];
        while (!destination.IsEmpty)
        {
            var received = await _socket
                .ReceiveAsync(destination, SocketFlags.None)
                .ConfigureAwait(false);
            if (received == 0)
            {
                return false;
            }

            destination = destination[received..];
            Touch();
        }

        return true;
    }

    private async ValueTask<bool> ReceiveLargeAsync(FrameHeader header)
    {
        var size = (int)header.Size;
        _fillLimit = HeadBytes;
        _start += FrameHeader.Bytes;
        var lease = new BufferLease(Math.Min(size, TrustedFrameBytes));
        try
        {
            if (!await ReceiveExactlyAsync(lease.Memory).ConfigureAwait(false))
            {
                return false;
            }

            // A header alone does not make this side allocate what it announces.
            for (var arrived = lease.Memory.Length; arrived < size; arrived = lease.Memory.Length)
            {
                var larger = new BufferLease((int)Math.Min(size, arrived * TrustGrowth));
                lease.Memory.CopyTo(larger.Memory);
                lease.Dispose();
                lease = larger;
                if (!await ReceiveExactlyAsync(lease.Memory[arrived..]).ConfigureAwait(false))
                {
                    return false;
                }
            }

            if (HandleOwned(header, lease))
            {
                lease = null;
            }
        }
        finally
        {
            lease?.Dispose();
        }

        return true;
    }

    /// <summary>Handles a frame that lies in the receive buffer.</summary>
    private void HandleBuffered(FrameHeader header)
    {
        var body = _buffer.AsMemory(_start + FrameHeader.Bytes, (int)header.Size);
        _fillLimit = int.MaxValue;
        if (header.IsCompressed || body.Length <= InPlaceRequestBytes)
        {
            HandleBody(header, body.Span, lease: null);
            return;
        }

        // Answers are decoded where they lie; a request keeps its bytes until it is answered.
        var packet = PacketHeader.Read(body.Span, out _, out _);
        if (!packet.IsRequest)
        {
            HandleBody(header, body.Span, lease: null);
            return;
        }

        var lease = new BufferLease(body.Length);
        try
        {
            body.CopyTo(lease.Memory);
            if (HandleOwned(header, lease))
            {
                lease = null;
            }
        }
        finally
        {
            lease?.Dispose();
        }
    }

    /// <summary>Handles a frame with a buffer of its own; true when the buffer now belongs to a request.</summary>
    private bool HandleOwned(FrameHeader header, BufferLease lease) =>
        HandleBody(header, lease.Memory.Span, lease);

    private bool HandleBody(FrameHeader header, ReadOnlySpan<byte> body, BufferLease? lease)
    {
        if (!header.IsCompressed)
        {
            return HandlePacket(header, body, lease);
        }

        if (!header.Matches(Crc32C.Append(0, body)))
        {
            ThrowChecksumMismatch(header);
        }

        if (Options.Compressor is not { } compressor)
        {
            throw new InvalidDataException(
                "the frame is compressed and no compressor is installed"
            );
        }

        using var plain = new PooledBufferWriter(Math.Min(body.Length * 4, 1 << 20));
        compressor.Decompress(body, plain, Options.MaxReceivedFrameBytes);
        var decompressed = new BufferLease(plain.WrittenMemory.Length);
        try
        {
            plain.WrittenMemory.CopyTo(decompressed.Memory);
            if (HandlePacket(null, decompressed.Memory.Span, decompressed))
            {
                decompressed = null;
            }
        }
        finally
        {
            decompressed?.Dispose();
        }

        return false;
    }

    /// <summary>Handles one packet; true when the lease now belongs to a request.</summary>
    /// <param name="header">The frame's header when its checksum still has to be verified.</param>
    /// <param name="body">The packet.</param>
    /// <param name="lease">Owner of the body's memory, or null when it lies in the receive buffer.</param>
    private bool HandlePacket(FrameHeader? header, ReadOnlySpan<byte> body, BufferLease? lease)
    {
        // A large request is verified while its bulk data is checksummed, in DispatchRequest.
        var deferred = header is not null && lease is not null;
        if (header is { } check && !deferred && !check.Matches(Crc32C.Append(0, body)))
        {
            ThrowChecksumMismatch(check);
        }

        var packet = PacketHeader.Read(body, out var offset, out var length);
        if (packet.IsRequest)
        {
            return DispatchRequest(packet, header, body, offset, length, lease);
        }

        if (deferred && !header!.Value.Matches(Crc32C.Append(0, body)))
        {
            ThrowChecksumMismatch(header.Value);
        }

        // An unknown uuid is a late answer to a call that was given up.
        if (_pending.TryRemove(packet.Uuid, out var call) && call.TryClaim())
        {
            call.Complete(packet, body.Slice(offset, length));
        }

        return false;
    }

    private static void ThrowChecksumMismatch(FrameHeader header) =>
        throw new FrameException(
            $"frame of {header.Size} bytes does not match its checksum 0x{header.Checksum:x8}"
        );
}

/// <summary>A violation of the framing; it closes the connection.</summary>
internal sealed class FrameException(string message) : Core.DeepInfraException(message);

/// <summary>A pooled buffer with one owner.</summary>
internal sealed class BufferLease(int length) : IDisposable
{
    private byte[]? _array = ArrayPool<byte>.Shared.Rent(length);

    public Memory<byte> Memory =>
        _array is { } array
            ? array.AsMemory(0, length)
            : throw new ObjectDisposedException(nameof(BufferLease));

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _array, null) is { } array)
        {
            ArrayPool<byte>.Shared.Return(array);
        }
    }
}
