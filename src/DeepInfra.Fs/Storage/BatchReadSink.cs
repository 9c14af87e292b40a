// SPDX-License-Identifier: MIT
using DeepInfra.Fs.Net;
using DeepInfra.Fs.Wire;

namespace DeepInfra.Fs.Storage;

/// <summary>
/// Receives the data of a batch read straight into the callers' buffers. The answer lists one result for each range,
/// followed by the bytes of the successful ones; the sink parses the list, then hands out the buffers in order and
/// checksums the bytes while they are in the cache. One pass serves both the frame's checksum and the ranges'.
/// </summary>
internal sealed class BatchReadSink(ChunkRead[] reads, int[] batch, int count)
    : IInlineReplySink<BatchReadRsp>
{
    private readonly uint[] _checksums = new uint[count];
    private List<IOResult> _results = [];
    private int _current;
    private int _filled;

    /// <summary>True when the bulk bytes went to the ranges' buffers.</summary>
    public bool IsFilled { get; private set; }

    public int HeadBytesEstimate => 256 + (48 * count);

    /// <summary>Chunk checksum of the bytes received for a range of the batch.</summary>
    public uint ChecksumOf(int index) => _checksums[index];

    public bool TryStart(ReadOnlySpan<byte> head, out int headLength, out long bulkLength)
    {
        headLength = 0;
        bulkLength = 0;
        try
        {
            // Result tag, length of the table, then its first two fields and the length prefixes of the third.
            if (head.Length < 2 || head[0] != 1)
            {
                return false;
            }

            var reader = new SerdeReader(head);
            byte tag = 0;
            ulong length = 0;
            reader.Scalar(ref tag);
            reader.Varint64(ref length);
            reader.Read<MessageTag>();
            _results = reader.Read<List<IOResult>, ListOf<IOResult, StructOf<IOResult>>>();
            reader.Varint64(ref length);
            reader.Varint64(ref length);
            headLength = reader.Position;
            bulkLength = (long)Math.Min(length, int.MaxValue);
        }
        catch (SerdeException)
        {
            // Incomplete or damaged; the ordinary decoder will tell.
            return false;
        }

        if (_results.Count != count || !LengthsMatch(bulkLength))
        {
            return false;
        }

        _current = -1;
        MoveNext();
        return true;
    }

    public Memory<byte> NextTarget() =>
        _current < count
            ? reads[batch[_current]].Buffer.Slice(_filled, Expected(_current) - _filled)
            : Memory<byte>.Empty;

    public void Advance(int bytes)
    {
        var data = reads[batch[_current]].Buffer.Span.Slice(_filled, bytes);
        _checksums[_current] = Crc32C.Append(_checksums[_current], data);
        _filled += bytes;
        if (_filled == Expected(_current))
        {
            MoveNext();
        }
    }

    public uint AppendChecksum(uint register)
    {
        for (var i = 0; i < count; i++)
        {
            if (Expected(i) is var length and > 0)
            {
                register = Crc32C.AppendKnown(register, _checksums[i], (ulong)length);
            }
        }

        return register;
    }

    public Result<BatchReadRsp> Finish()
    {
        IsFilled = true;
        return new BatchReadRsp { Results = _results };
    }

    private int Expected(int index)
    {
        var info = _results[index].LengthInfo;
        return info.HasValue ? (int)info.Value : 0;
    }

    private bool LengthsMatch(long bulkLength)
    {
        long total = 0;
        for (var i = 0; i < count; i++)
        {
            var info = _results[i].LengthInfo;
            if (info.HasValue)
            {
                if (info.Value > (uint)reads[batch[i]].Buffer.Length)
                {
                    return false;
                }

                total += info.Value;
            }
        }

        return total == bulkLength;
    }

    private void MoveNext()
    {
        _filled = 0;
        do
        {
            _current++;
        } while (_current < count && Expected(_current) == 0);

        if (_current < count)
        {
            _checksums[_current] = uint.MaxValue;
        }
    }
}
