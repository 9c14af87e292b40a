// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster.Chunks;

/// <summary>
/// Builds the page checksums of a chunk front to back: bytes, runs of zeros and whole pages whose value
/// is known already. Each byte is looked at once.
/// </summary>
internal sealed class PageChecksums
{
    private readonly int _pageSize;
    private readonly List<uint> _pages;
    private uint _total;

    /// <summary>Starts empty.</summary>
    public PageChecksums(int pageSize, int expectedPages)
    {
        _pageSize = pageSize;
        _pages = new List<uint>(expectedPages);
    }

    /// <summary>Starts with the content of a record.</summary>
    public PageChecksums(ChunkRecord record)
    {
        _pageSize = record.PageSize;
        _pages = [.. record.Pages];
        _total = record.Checksum;
        Length = record.Length;
    }

    /// <summary>Bytes covered so far.</summary>
    public long Length { get; private set; }

    /// <summary>Zero-form checksum of everything.</summary>
    public uint Total => _total;

    /// <summary>Zero-form checksums of the pages.</summary>
    public uint[] ToArray() => [.. _pages];

    /// <summary>Appends bytes and returns their own zero-form checksum.</summary>
    public uint Append(ReadOnlySpan<byte> data)
    {
        var all = 0u;
        while (data.Length > 0)
        {
            var count = Math.Min(data.Length, Room());
            var value = ZeroCrc.Compute(data[..count]);
            Add(value, count);
            all = ZeroCrc.Combine(all, value, count);
            data = data[count..];
        }
        return all;
    }

    /// <summary>Appends zero bytes.</summary>
    public void AppendZeros(long count)
    {
        while (count > 0)
        {
            var step = (int)Math.Min(count, Room());
            Add(0, step);
            count -= step;
        }
    }

    /// <summary>Appends bytes that lie in the current page and whose zero-form checksum is known.</summary>
    public void AppendKnown(uint value, int count) => Add(value, count);

    private int Room() => _pageSize - (int)(Length % _pageSize);

    private void Add(uint value, int count)
    {
        if (Length % _pageSize == 0)
        {
            _pages.Add(value);
        }
        else
        {
            _pages[^1] = ZeroCrc.Combine(_pages[^1], value, count);
        }
        _total = ZeroCrc.Combine(_total, value, count);
        Length += count;
    }
}
