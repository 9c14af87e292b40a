// SPDX-License-Identifier: MIT
using System.Buffers;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Net;

/// <summary>Encodes packets into frames.</summary>
internal static class FrameEncoder
{
    private const int TimestampBytes = 65;

    /// <summary>Encodes one packet.</summary>
    /// <param name="header">The packet's fields.</param>
    /// <param name="payload">The bare request, or the result that wraps a response.</param>
    /// <param name="maximumBytes">Largest body to produce, in bytes.</param>
    /// <param name="compressor">When set, the body is compressed if it has <paramref name="compressFrom"/> bytes or more.</param>
    /// <param name="compressFrom">Smallest body that is compressed, in bytes.</param>
    /// <param name="owned">Disposed once the frame's memory is no longer needed.</param>
    /// <param name="trackRelease">Whether somebody will await <see cref="OutgoingFrame.Released"/>.</param>
    /// <exception cref="ThreeFsException">The body exceeds the limit.</exception>
    public static OutgoingFrame Encode<T, TCodec>(
        in PacketHeader header,
        T payload,
        int maximumBytes = FrameHeader.MaximumBodyBytes - 1,
        IFrameCompressor? compressor = null,
        int compressFrom = int.MaxValue,
        List<IDisposable>? owned = null,
        bool trackRelease = false
    )
        where TCodec : struct, ISerdeCodec<T>
    {
        var tables = SerdeTableLengths.Rent();
        try
        {
            var sizer = new SerdeSizer(tables);
            TCodec.Visit(ref sizer, ref payload);
            var packetBytes =
                PacketHeader.BytesBeforePayload
                + SerdeSizer.VarintBytes((uint)sizer.Length)
                + (long)sizer.Length
                + 1
                + (header.Timestamp is null ? 0 : TimestampBytes);
            var bodyBytes = SerdeSizer.VarintBytes((ulong)packetBytes) + packetBytes;
            if (bodyBytes > maximumBytes)
            {
                throw new ThreeFsException(
                    StatusCode.RpcSendFailed,
                    $"message of {bodyBytes} bytes exceeds the limit of {maximumBytes} bytes",
                    hint: "split the request or raise MaxFrameBytes"
                );
            }

            var compress = compressor is not null && bodyBytes >= compressFrom;
            var gathered = sizer.GatheredLength > 0 && !compress ? new List<GatheredBlob>(1) : null;
            var bufferBytes =
                FrameHeader.Bytes + (int)bodyBytes - (gathered is null ? 0 : sizer.GatheredLength);
            var buffer = ArrayPool<byte>.Shared.Rent(bufferBytes);
            var writer = new SerdeWriter(buffer, tables, gathered, FrameHeader.Bytes);
            WritePacket<T, TCodec>(ref writer, header, payload, (ulong)packetBytes, sizer.Length);
            if (compress)
            {
                return Compress(buffer, (int)bodyBytes, compressor!, owned, trackRelease);
            }

            var register = ChecksumBody(buffer, bufferBytes, gathered);
            new FrameHeader(
                FrameHeader.ChecksumOf(register, compressed: false),
                (uint)bodyBytes
            ).Write(buffer);
            return new OutgoingFrame(buffer, bufferBytes, gathered, owned, trackRelease);
        }
        finally
        {
            tables.Return();
        }
    }

    private static void WritePacket<T, TCodec>(
        ref SerdeWriter writer,
        in PacketHeader header,
        T payload,
        ulong packetBytes,
        int payloadBytes
    )
        where TCodec : struct, ISerdeCodec<T>
    {
        var uuid = header.Uuid;
        var service = header.ServiceId;
        var method = header.MethodId;
        var flags = header.Flags;
        writer.Varint64(ref packetBytes);
        writer.Scalar(ref uuid);
        writer.Scalar(ref service);
        writer.Scalar(ref method);
        writer.Scalar(ref flags);
        byte versionBytes = 7;
        var version = header.Version;
        writer.Scalar(ref versionBytes);
        writer.Scalar(ref version.Major);
        writer.Scalar(ref version.Minor);
        writer.Scalar(ref version.Patch);
        writer.Scalar(ref version.Hash);
        var length = (uint)payloadBytes;
        writer.Varint32(ref length);
        TCodec.Visit(ref writer, ref payload);
        var stamped = header.Timestamp is not null;
        writer.Optional(ref stamped);
        if (header.Timestamp is { } stamp)
        {
            Span<long> stamps =
            [
                stamp.ClientCalled,
                stamp.ClientSerialized,
                stamp.ServerReceived,
                stamp.ServerWaked,
                stamp.ServerProcessed,
                stamp.ServerSerialized,
                stamp.ClientReceived,
                stamp.ClientWaked,
            ];
            byte tableLength = 64;
            writer.Scalar(ref tableLength);
            foreach (ref var value in stamps)
            {
                writer.Scalar(ref value);
            }
        }
    }

    private static uint ChecksumBody(byte[] buffer, int bufferBytes, List<GatheredBlob>? gathered)
    {
        uint register = 0;
        var start = FrameHeader.Bytes;
        foreach (var blob in gathered ?? [])
        {
            register = Crc32C.Append(register, buffer.AsSpan(start, blob.Position - start));
            for (var i = 0; i < blob.Data.SegmentCount; i++)
            {
                var segment = blob.Data[i];
                register = segment.Checksum is { } known
                    ? Crc32C.AppendKnown(register, known, (ulong)segment.Data.Length)
                    : Crc32C.Append(register, segment.Data.Span);
            }

            start = blob.Position;
        }

        return Crc32C.Append(register, buffer.AsSpan(start, bufferBytes - start));
    }

    private static OutgoingFrame Compress(
        byte[] plain,
        int bodyBytes,
        IFrameCompressor compressor,
        List<IDisposable>? owned,
        bool trackRelease
    )
    {
        using var writer = new PooledBufferWriter(FrameHeader.Bytes + bodyBytes / 2);
        writer.Advance(FrameHeader.Bytes);
        compressor.Compress(plain.AsSpan(FrameHeader.Bytes, bodyBytes), writer);
        ArrayPool<byte>.Shared.Return(plain);
        var buffer = writer.Detach(out var length);
        var body = buffer.AsSpan(FrameHeader.Bytes, length - FrameHeader.Bytes);
        new FrameHeader(FrameHeader.ChecksumOf(body, compressed: true), (uint)body.Length).Write(
            buffer
        );
        return new OutgoingFrame(buffer, length, gathered: null, owned, trackRelease);
    }
}
