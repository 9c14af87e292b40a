// SPDX-License-Identifier: MIT
using System.Numerics;

namespace DeepInfra.Pond.Text;

/// <summary>A piece of a document and the document's identifier.</summary>
internal readonly record struct Piece(ReadOnlyMemory<int> Tokens, object? Id);

/// <summary>Lays documents out in samples.</summary>
internal abstract class Packer
{
    public long TokensIn { get; set; }

    public long MarksAdded { get; set; }

    public long TokensDropped { get; protected set; }

    public abstract void Add(int[] document, object? id);

    public abstract void Finish();
}

/// <summary>One document after the other, cut at every sequence length.</summary>
internal sealed class ConcatPacker(PackOptions options, SampleWriter writer) : Packer
{
    private readonly List<Piece> _pieces = [];
    private int _filled;

    public override void Add(int[] document, object? id)
    {
        var rest = document.AsMemory();
        while (rest.Length > 0)
        {
            var take = Math.Min(rest.Length, options.SequenceLength - _filled);
            _pieces.Add(new Piece(rest[..take], id));
            _filled += take;
            rest = rest[take..];
            if (_filled == options.SequenceLength)
            {
                writer.Add(_pieces);
                _pieces.Clear();
                _filled = 0;
            }
        }
    }

    public override void Finish()
    {
        if (_filled == 0)
        {
            return;
        }

        if (options.PadId is null)
        {
            TokensDropped += _filled;
        }
        else
        {
            writer.Add(_pieces);
        }

        _pieces.Clear();
        _filled = 0;
    }
}

/// <summary>
/// Best fit decreasing: whole documents, the longest first, each into the sample with the least room that fits.
/// </summary>
internal sealed class BestFitPacker(PackOptions options, SampleWriter writer) : Packer
{
    private readonly List<Piece> _window = [];

    public override void Add(int[] document, object? id)
    {
        if (document.Length > options.SequenceLength && options.DropLongDocuments)
        {
            TokensDropped += document.Length;
            return;
        }

        var rest = document.AsMemory();
        while (rest.Length > 0)
        {
            var take = Math.Min(rest.Length, options.SequenceLength);
            _window.Add(new Piece(rest[..take], id));
            rest = rest[take..];
        }

        if (_window.Count >= options.WindowDocuments)
        {
            Pack();
        }
    }

    public override void Finish() => Pack();

    private void Pack()
    {
        var bins = new List<List<Piece>>();
        var byRoom = new Stack<int>?[options.SequenceLength + 1];
        var occupied = new ulong[(options.SequenceLength >> 6) + 1];
        // Equal lengths keep their order, so that the result is the same on every run.
        foreach (var piece in _window.OrderByDescending(p => p.Tokens.Length))
        {
            var room = FindRoom(occupied, piece.Tokens.Length);
            int bin;
            if (room < 0)
            {
                bin = bins.Count;
                bins.Add([]);
                room = options.SequenceLength;
            }
            else
            {
                bin = byRoom[room]!.Pop();
                if (byRoom[room]!.Count == 0)
                {
                    occupied[room >> 6] &= ~(1ul << (room & 63));
                }
            }

            bins[bin].Add(piece);
            room -= piece.Tokens.Length;
            if (room > 0)
            {
                (byRoom[room] ??= new Stack<int>()).Push(bin);
                occupied[room >> 6] |= 1ul << (room & 63);
            }
        }

        foreach (var bin in bins)
        {
            writer.Add(bin);
        }

        _window.Clear();
    }

    /// <summary>The least room of at least a length, or -1.</summary>
    private static int FindRoom(ulong[] occupied, int length)
    {
        var word = length >> 6;
        var bits = word < occupied.Length ? occupied[word] & (ulong.MaxValue << (length & 63)) : 0;
        while (bits == 0)
        {
            if (++word >= occupied.Length)
            {
                return -1;
            }

            bits = occupied[word];
        }

        return (word << 6) + BitOperations.TrailingZeroCount(bits);
    }
}
