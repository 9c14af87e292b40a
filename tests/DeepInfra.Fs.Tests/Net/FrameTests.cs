// SPDX-License-Identifier: MIT
using System.Text.Json;
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Tests.Wire;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Tests.Net;

public sealed class FrameTests
{
    public static TheoryData<string> Transcripts =>
        [
            "background-8000",
            "core-9000",
            "meta-namespace-8001",
            "mgmtd-queries-8000",
            "mgmtd-setup-8000",
            "storage-io-8002",
            "storage-setup-8002",
        ];

    [Fact]
    public void Decode_RecordedFrames_GivesHeaderPacketAndPayload()
    {
        foreach (var entry in Golden.Entries("frames"))
        {
            Verify(entry);
        }
    }

    [Theory]
    [MemberData(nameof(Transcripts))]
    public void Decode_RecordedSessions_GivesEveryPayload(string name)
    {
        var messages = Golden
            .Load("transcripts/" + name)
            .GetProperty("connections")
            .EnumerateArray()
            .SelectMany(c => c.GetProperty("messages").EnumerateArray())
            .ToList();

        messages.Should().NotBeEmpty();
        foreach (var message in messages)
        {
            Verify(message);
        }
    }

    [Fact]
    public void Encode_RecordedFrames_GivesTheRecordedBytes()
    {
        var encoded = 0;
        foreach (var entry in Golden.Entries("frames"))
        {
            if (entry.GetProperty("header").GetProperty("compressed").GetBoolean())
            {
                continue;
            }

            var expected = entry.Hex("hex");
            var packet = PacketHeader.Read(expected.AsSpan(8), out var offset, out var length);
            var payload = new RawPayload(expected.AsSpan(8 + offset, length).ToArray());
            var frame = FrameEncoder.Encode<RawPayload, RawPayloadCodec>(packet, payload);
            Flatten(frame).Should().Equal(expected, entry.String("name"));
            encoded++;
        }

        encoded.Should().BeGreaterThan(100);
    }

    [Fact]
    public void Encode_GatheredBulkData_GivesTheBytesOfACopy()
    {
        var data = new byte[100_000];
        new Random(5).NextBytes(data);
        var segments = new InlineSegment[]
        {
            new(data.AsMemory(0, 40_000), Crc32C.ChunkChecksum(data.AsSpan(0, 40_000))),
            new(data.AsMemory(40_000, 1)),
            new(data.AsMemory(40_001), Crc32C.ChunkChecksum(data.AsSpan(40_001))),
        };
        var gathered = new BatchReadRsp
        {
            Inlinebuf = new() { Data = new InlineData(segments, 3) },
        };
        var header = new PacketHeader
        {
            Uuid = 9,
            ServiceId = 3,
            MethodId = 1,
        };

        var frame = FrameEncoder.Encode<
            Result<BatchReadRsp>,
            ResultOf<BatchReadRsp, StructOf<BatchReadRsp>>
        >(header, gathered);

        var bytes = Flatten(frame);
        FrameHeader.Read(bytes).Matches(Crc32C.Append(0, bytes.AsSpan(8))).Should().BeTrue();
        PacketHeader.Read(bytes.AsSpan(8), out var offset, out var length);
        var decoded = Serde.Read<
            Result<BatchReadRsp>,
            ResultOf<BatchReadRsp, StructOf<BatchReadRsp>>
        >(bytes.AsSpan(8 + offset, length));
        decoded.Value.Inlinebuf.Data.ToArray().Should().Equal(data);
        frame.BufferBytes.Should().BeLessThan(500);
    }

    [Fact]
    public void Encode_BodyAboveTheLimit_Throws()
    {
        var request = new WriteReq();
        request.Payload.Inlinebuf.Data = new InlineData(new byte[2000]);

        var act = () =>
            FrameEncoder.Encode<WriteReq, StructOf<WriteReq>>(default, request, maximumBytes: 1500);

        act.Should()
            .Throw<ThreeFsException>()
            .Which.StatusCode.Should()
            .Be(StatusCode.RpcSendFailed);
    }

    [Fact]
    public void Compress_RoundTrip_GivesTheBody()
    {
        var request = new EchoMessage { Str = new string('x', 10_000) };
        var header = new PacketHeader
        {
            Uuid = 1,
            ServiceId = 10001,
            MethodId = 1,
        };
        var plain = Flatten(
            FrameEncoder.Encode<EchoMessage, StructOf<EchoMessage>>(header, request)
        );
        var compressor = new ZstdFrameCompressor();

        var frame = Flatten(
            FrameEncoder.Encode<EchoMessage, StructOf<EchoMessage>>(
                header,
                request,
                compressor: compressor,
                compressFrom: 1000
            )
        );

        FrameHeader.Read(frame).IsCompressed.Should().BeTrue();
        FrameHeader.Read(frame).Matches(Crc32C.Append(0, frame.AsSpan(8))).Should().BeTrue();
        using var body = new PooledBufferWriter(16);
        compressor.Decompress(frame.AsSpan(8), body, 1 << 20);
        body.WrittenMemory.ToArray().Should().Equal(plain[8..]);
        frame.Length.Should().BeLessThan(plain.Length / 2);
    }

    internal static byte[] Flatten(OutgoingFrame frame)
    {
        var segments = new List<ReadOnlyMemory<byte>>();
        frame.CollectSegments(segments);
        return [.. segments.SelectMany(s => s.ToArray())];
    }

    private static void Verify(JsonElement entry)
    {
        var bytes = entry.Hex("hex");
        var expected = entry.GetProperty("header");
        var header = FrameHeader.Read(bytes);
        header.Checksum.Should().Be(expected.GetProperty("checksum").GetUInt32());
        header.Size.Should().Be((uint)(bytes.Length - 8));
        header.HasMagic.Should().BeTrue();
        header.IsCompressed.Should().Be(expected.GetProperty("compressed").GetBoolean());
        header.Matches(Crc32C.Append(0, bytes.AsSpan(8))).Should().BeTrue();
        var body = bytes[8..];
        if (header.IsCompressed)
        {
            using var plain = new PooledBufferWriter(16);
            new ZstdFrameCompressor().Decompress(body, plain, 1 << 20);
            body = plain.WrittenMemory.ToArray();
        }

        var packet = PacketHeader.Read(body, out var offset, out var length);
        var fields = entry.GetProperty("packet");
        packet.Uuid.Should().Be(fields.GetProperty("uuid").GetUInt64());
        packet.ServiceId.Should().Be(fields.GetProperty("serviceId").GetUInt16());
        packet.MethodId.Should().Be(fields.GetProperty("methodId").GetUInt16());
        ((ushort)packet.Flags).Should().Be(fields.GetProperty("flags").GetUInt16());
        (packet.Timestamp is null)
            .Should()
            .Be(fields.GetProperty("timestamp").ValueKind == JsonValueKind.Null);
        var payload = body.AsSpan(offset, length).ToArray();
        if (entry.TryGetProperty("payloadHex", out _))
        {
            payload.Should().Equal(entry.Hex("payloadHex"));
        }

        if (
            entry.TryGetProperty("payloadType", out var type)
            && type.ValueKind == JsonValueKind.String
            && WireTypes.All.TryGetValue(type.GetString()!, out var wire)
        )
        {
            if (entry.TryGetProperty("payloadError", out _))
            {
                var act = () => wire.Probe(payload);
                act.Should().Throw<SerdeException>();
                return;
            }

            var raw = entry.GetProperty("payload").GetRawText();
            var (json, _, _) = wire.Decode(payload);
            if (
                !raw.Contains("$missing", StringComparison.Ordinal)
                && !raw.Contains("$extra", StringComparison.Ordinal)
            )
            {
                JsonCompare.Difference(entry.GetProperty("payload"), json).Should().BeNull();
            }
        }
    }

    private readonly record struct RawPayload(byte[] Bytes);

    private readonly struct RawPayloadCodec : ISerdeCodec<RawPayload>
    {
        public static int MinimumBytes => 0;

        public static void Visit<TVisitor>(ref TVisitor v, ref RawPayload value)
            where TVisitor : struct, ISerdeVisitor, allows ref struct
        {
            foreach (var b in value.Bytes)
            {
                var copy = b;
                v.Scalar(ref copy);
            }
        }
    }
}
