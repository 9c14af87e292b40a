// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Net;

/// <summary>A message packet without its payload.</summary>
internal struct PacketHeader
{
    public ulong Uuid;
    public ushort ServiceId;
    public ushort MethodId;
    public PacketFlags Flags;
    public PacketVersion Version;
    public PacketTimestamp? Timestamp;

    public readonly bool IsRequest => (Flags & PacketFlags.IsRequest) != 0;

    /// <summary>Splits a body into header and payload.</summary>
    /// <param name="body">One serialised packet; bytes after it are ignored.</param>
    /// <param name="payloadOffset">Where the payload starts in the body.</param>
    /// <param name="payloadLength">Length of the payload in bytes.</param>
    /// <exception cref="SerdeException">The body does not decode.</exception>
    public static PacketHeader Read(
        ReadOnlySpan<byte> body,
        out int payloadOffset,
        out int payloadLength
    )
    {
        var reader = new SerdeReader(body);
        var header = new PacketHeader();
        var table = reader.BeginTable();
        payloadOffset = 0;
        payloadLength = 0;
        header.ReadFixedPart(ref reader);
        if (reader.BeginField("payload"))
        {
            payloadLength = reader.SkipCounted();
            payloadOffset = reader.Position - payloadLength;
        }

        reader.Field(
            "timestamp",
            ref header.Timestamp,
            default(OptionalRef<PacketTimestamp, StructOf<PacketTimestamp>>)
        );
        reader.EndTable(table);
        return header;
    }

    /// <summary>
    /// Reads the start of a body that has not arrived completely. Returns false when more bytes are needed.
    /// </summary>
    public static bool TryReadStart(
        ReadOnlySpan<byte> start,
        out PacketHeader header,
        out int payloadOffset,
        out int payloadLength
    )
    {
        header = default;
        payloadOffset = 0;
        payloadLength = 0;
        // Two varints of at most ten bytes each and the fixed fields between them.
        if (start.Length < 10 + FixedBytes + 10)
        {
            return false;
        }

        var reader = new SerdeReader(start);
        ulong length = 0;
        reader.Varint64(ref length);
        header.ReadFixedPart(ref reader);
        reader.Varint64(ref length);
        payloadOffset = reader.Position;
        payloadLength = length < int.MaxValue ? (int)length : int.MaxValue;
        return true;
    }

    private const int FixedBytes = 8 + 2 + 2 + 2 + 8;

    /// <summary>Length of the packet's encoding before the payload's length prefix, table prefix excluded.</summary>
    public static int BytesBeforePayload => FixedBytes;

    private void ReadFixedPart(ref SerdeReader reader)
    {
        reader.Number("uuid", ref Uuid);
        reader.Number("serviceId", ref ServiceId);
        reader.Number("methodId", ref MethodId);
        reader.Enum("flags", ref Flags);
        reader.Struct("version", ref Version);
    }
}
