// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Wire;

/// <summary>
/// Bulk bytes inside a message. A writer sends the segments by reference (one gathered socket write), a reader hands
/// out a slice of the receive buffer that is valid until the message's owner releases it.
/// </summary>
internal readonly struct InlineData
{
    private readonly ReadOnlyMemory<byte> _single;
    private readonly uint? _singleChecksum;
    private readonly InlineSegment[]? _segments;
    private readonly int _count;

    /// <summary>One run of bytes.</summary>
    /// <param name="data">The bytes; they must not change until the message has been sent.</param>
    /// <param name="checksum">Chunk checksum (<see cref="Crc32C.ChunkChecksum"/>) of the bytes when it is known.</param>
    public InlineData(ReadOnlyMemory<byte> data, uint? checksum = null)
    {
        _single = data;
        _singleChecksum = checksum;
        _count = data.IsEmpty ? 0 : 1;
        Length = data.Length;
    }

    /// <summary>Several runs that are sent one after the other.</summary>
    public InlineData(InlineSegment[] segments, int count)
    {
        _segments = segments;
        _count = count;
        foreach (var segment in segments.AsSpan(0, count))
        {
            Length = checked(Length + segment.Data.Length);
        }
    }

    public int Length { get; }

    public int SegmentCount => _count;

    /// <summary>The bytes of data that has one segment, as every decoded message does.</summary>
    public ReadOnlyMemory<byte> Memory =>
        _segments is null
            ? _single
            : throw new InvalidOperationException(
                "inline data with several segments has no single memory"
            );

    public InlineSegment this[int index] =>
        _segments is null ? new InlineSegment(_single, _singleChecksum) : _segments[index];

    public byte[] ToArray()
    {
        var bytes = new byte[Length];
        CopyTo(bytes);
        return bytes;
    }

    public void CopyTo(Span<byte> destination)
    {
        for (var i = 0; i < SegmentCount; i++)
        {
            var data = this[i].Data.Span;
            data.CopyTo(destination);
            destination = destination[data.Length..];
        }
    }
}

/// <summary>One run of bulk bytes.</summary>
/// <param name="Data">The bytes.</param>
/// <param name="Checksum">Their chunk checksum (<see cref="Crc32C.ChunkChecksum"/>) when it is known already.</param>
internal readonly record struct InlineSegment(ReadOnlyMemory<byte> Data, uint? Checksum = null);
