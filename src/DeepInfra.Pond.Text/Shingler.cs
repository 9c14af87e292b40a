// SPDX-License-Identifier: MIT
using System.IO.Hashing;
using System.Text;

namespace DeepInfra.Pond.Text;

/// <summary>
/// Hashes the shingles of a text: XXH3 64-bit, seed 0, of their UTF-8 bytes. Words are separated by white space and
/// joined by one blank. Not thread-safe; buffers are kept between texts.
/// </summary>
internal sealed class Shingler(NearDedupOptions options)
{
    private byte[] _bytes = new byte[4096];
    private int[] _starts = new int[1024];
    private int[] _ends = new int[1024];
    private ulong[] _hashes = new ulong[1024];

    /// <summary>Hashes of all shingles, in order and with repetitions; empty for texts shorter than a shingle.</summary>
    public ReadOnlySpan<ulong> Hash(ReadOnlySpan<byte> utf8)
    {
        var length = Normalize(utf8);
        return options.ShingleCharacters is { } characters
            ? HashCharacters(length, characters)
            : HashWords(length, options.ShingleWords);
    }

    private ReadOnlySpan<ulong> HashWords(int length, int words)
    {
        var count = 0;
        var start = 0;
        while (start < length)
        {
            var end = _bytes.AsSpan(start, length - start).IndexOf((byte)' ');
            end = end < 0 ? length : start + end;
            Grow(ref _starts, count);
            Grow(ref _ends, count);
            _starts[count] = start;
            _ends[count++] = end;
            start = end + 1;
        }

        var shingles = Math.Max(0, count - words + 1);
        Grow(ref _hashes, shingles);
        for (var i = 0; i < shingles; i++)
        {
            _hashes[i] = XxHash3.HashToUInt64(
                _bytes.AsSpan(_starts[i], _ends[i + words - 1] - _starts[i])
            );
        }

        return _hashes.AsSpan(0, shingles);
    }

    private ReadOnlySpan<ulong> HashCharacters(int length, int characters)
    {
        var count = 0;
        for (var i = 0; i < length; i++)
        {
            // Continuation bytes of UTF-8 do not begin a character.
            if ((_bytes[i] & 0xC0) != 0x80)
            {
                Grow(ref _starts, count);
                _starts[count++] = i;
            }
        }

        var shingles = Math.Max(0, count - characters + 1);
        Grow(ref _hashes, shingles);
        for (var i = 0; i < shingles; i++)
        {
            var end = i + characters < count ? _starts[i + characters] : length;
            _hashes[i] = XxHash3.HashToUInt64(_bytes.AsSpan(_starts[i], end - _starts[i]));
        }

        return _hashes.AsSpan(0, shingles);
    }

    /// <summary>Fills the buffer with the words joined by single blanks; returns the length.</summary>
    private int Normalize(ReadOnlySpan<byte> utf8)
    {
        if (!Ascii.IsValid(utf8))
        {
            var text = Encoding.UTF8.GetString(utf8);
            return NormalizeText(options.IgnoreCase ? text.ToLowerInvariant() : text);
        }

        if (_bytes.Length < utf8.Length)
        {
            _bytes = new byte[utf8.Length * 2];
        }

        var length = 0;
        var blank = false;
        foreach (var b in utf8)
        {
            if (b is (byte)' ' or (>= 9 and <= 13))
            {
                blank = length > 0;
                continue;
            }

            if (blank)
            {
                _bytes[length++] = (byte)' ';
                blank = false;
            }

            _bytes[length++] =
                options.IgnoreCase && b is >= (byte)'A' and <= (byte)'Z' ? (byte)(b | 0x20) : b;
        }

        return length;
    }

    private int NormalizeText(string text)
    {
        var builder = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            if (!char.IsWhiteSpace(c))
            {
                builder.Append(c);
            }
            else if (builder.Length > 0 && builder[^1] != ' ')
            {
                builder.Append(' ');
            }
        }

        if (builder.Length > 0 && builder[^1] == ' ')
        {
            builder.Length--;
        }

        var normalized = builder.ToString();
        var size = Encoding.UTF8.GetMaxByteCount(normalized.Length);
        if (_bytes.Length < size)
        {
            _bytes = new byte[size];
        }

        return Encoding.UTF8.GetBytes(normalized, _bytes);
    }

    private static void Grow<T>(ref T[] array, int index)
    {
        if (index >= array.Length)
        {
            Array.Resize(ref array, Math.Max(index + 1, array.Length * 2));
        }
    }
}
