// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using Apache.Arrow;
using DeepInfra.Pond.Engine;

namespace DeepInfra.Pond.Interop;

/// <summary>
/// Record batches in memory that any number of queries read as <c>pond_rows(id, begin, end)</c>, each from the
/// beginning and by several threads. Queries find them as long as somebody refers to this object. Thread-safe.
/// </summary>
internal sealed class ArrowRows
{
    private static readonly ConcurrentDictionary<long, WeakReference<ArrowRows>> s_all = new();
    private static long s_counter;

    private readonly IReadOnlyList<RecordBatch> _batches;
    private readonly long[] _starts;
    private readonly long _id = Interlocked.Increment(ref s_counter);
    private readonly Lazy<string> _hash;

    public ArrowRows(Schema schema, IReadOnlyList<RecordBatch> batches)
    {
        Schema = schema;
        _batches = [.. batches];
        _starts = new long[batches.Count + 1];
        for (var i = 0; i < batches.Count; i++)
        {
            _starts[i + 1] = _starts[i] + batches[i].Length;
        }

        Bytes = Buffers(_batches.SelectMany(b => b.Arrays).Select(a => a.Data))
            .Distinct()
            .Sum(b => (long)b.Length);
        _hash = new Lazy<string>(ComputeHash);
        s_all[_id] = new WeakReference<ArrowRows>(this);
    }

    ~ArrowRows() => s_all.TryRemove(_id, out _);

    public Schema Schema { get; }

    public long Count => _starts[^1];

    /// <summary>Bytes of all buffers. Batches may be slices of the same ones, which count once.</summary>
    public long Bytes { get; }

    /// <summary>Hash of the contents, in hexadecimal digits.</summary>
    public string Hash => _hash.Value;

    public static ArrowRows Get(long id) =>
        s_all.TryGetValue(id, out var weak) && weak.TryGetTarget(out var rows)
            ? rows
            : throw new InvalidOperationException($"There are no rows {id}.");

    /// <summary>A query over rows [begin, end).</summary>
    public string Select(long begin, long end) =>
        $"SELECT * FROM {ArrowFunctions.Rows}({SqlText.Number(_id)}, {SqlText.Number(begin)}, {SqlText.Number(end)})";

    /// <summary>The batch of a row, the place of the row in it, and how many rows follow, this one included.</summary>
    public (RecordBatch Batch, int Offset, int Left) Find(long row)
    {
        var index = System.Array.BinarySearch(_starts, row);
        index = index < 0 ? ~index - 1 : index;
        // Batches without rows begin where the next one does.
        while (_batches[index].Length == 0)
        {
            index++;
        }

        var offset = (int)(row - _starts[index]);
        return (_batches[index], offset, _batches[index].Length - offset);
    }

    private static IEnumerable<ReadOnlyMemory<byte>> Buffers(IEnumerable<ArrayData?> arrays)
    {
        foreach (var data in arrays)
        {
            if (data is null)
            {
                continue;
            }

            foreach (var buffer in data.Buffers)
            {
                yield return buffer.Memory;
            }

            foreach (var inner in Buffers([.. data.Children ?? [], data.Dictionary]))
            {
                yield return inner;
            }
        }
    }

    private string ComputeHash()
    {
        var hash = new XxHash128();
        // Slices share buffers, which are large beside them.
        var known = new Dictionary<ReadOnlyMemory<byte>, int>();
        foreach (var array in _batches.SelectMany(b => b.Arrays))
        {
            Append(hash, array.Data, known);
        }

        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }

    private static void Append(
        XxHash128 hash,
        ArrayData data,
        Dictionary<ReadOnlyMemory<byte>, int> known
    )
    {
        ReadOnlySpan<int> shape = [data.Length, data.Offset, data.Buffers.Length];
        hash.Append(MemoryMarshal.AsBytes(shape));
        foreach (var buffer in data.Buffers)
        {
            var seen = known.TryGetValue(buffer.Memory, out var index);
            ReadOnlySpan<int> place = [seen ? index : -1, buffer.Length];
            hash.Append(MemoryMarshal.AsBytes(place));
            if (!seen)
            {
                known.Add(buffer.Memory, known.Count);
                hash.Append(buffer.Span);
            }
        }

        foreach (var child in data.Children ?? [])
        {
            if (child is not null)
            {
                Append(hash, child, known);
            }
        }

        if (data.Dictionary is not null)
        {
            Append(hash, data.Dictionary, known);
        }
    }
}

/// <summary>Rows that one reference in a query stands for.</summary>
internal sealed record ArrowRange(ArrowRows Rows, long Begin, long End);

/// <summary>One pass over a range. Threads take chunk after chunk, in order of the rows.</summary>
internal sealed class ArrowScan(ArrowRange range, nint connection) : IDisposable
{
    private readonly ArrowChunks _chunks = new(connection, range.Rows.Schema);
    private readonly Lock _lock = new();
    private long _next = range.Begin;

    /// <summary>About as many chunks are there.</summary>
    public long Chunks => (range.End - range.Begin) / ArrowChunks.Rows + 1;

    public void Fill(nint output)
    {
        RecordBatch batch;
        int offset;
        int count;
        lock (_lock)
        {
            var left = range.End - _next;
            if (left <= 0)
            {
                DuckNative.DataChunkSetSize(output, 0);
                return;
            }

            (batch, offset, count) = range.Rows.Find(_next);
            count = (int)Math.Min(Math.Min(count, left), ArrowChunks.Rows);
            _next += count;
        }

        _chunks.Fill(output, batch, offset, count);
    }

    public void Dispose() => _chunks.Dispose();
}
