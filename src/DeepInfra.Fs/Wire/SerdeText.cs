// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace DeepInfra.Fs.Wire;

/// <summary>
/// Byte strings of the protocol as .NET strings. Names need not be valid UTF-8; each byte that is not part of a
/// valid sequence becomes one lone surrogate U+DC80..U+DCFF and turns back into that byte when it is written (the
/// scheme of Python's PEP 383), so every byte string survives a round trip.
/// </summary>
internal static class SerdeText
{
    private const char EscapeBase = '\uDC00';

    /// <summary>Orders strings as the protocol does: by their bytes.</summary>
    public static IComparer<string> ByteOrder { get; } = new ByteOrderComparer();

    public static string Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return "";
        }

        return Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : DecodeEscaped(bytes);
    }

    public static int GetByteCount(string text)
    {
        return HasEscape(text) ? EncodeEscaped(text, default) : Encoding.UTF8.GetByteCount(text);
    }

    /// <summary>Writes <paramref name="text"/>; the destination holds at least <see cref="GetByteCount"/> bytes.</summary>
    public static int Encode(string text, Span<byte> destination)
    {
        return HasEscape(text)
            ? EncodeEscaped(text, destination)
            : Encoding.UTF8.GetBytes(text, destination);
    }

    public static byte[] ToBytes(string text)
    {
        var bytes = new byte[GetByteCount(text)];
        Encode(text, bytes);
        return bytes;
    }

    private static bool HasEscape(string text) =>
        text.AsSpan().IndexOfAnyInRange('\uDC80', '\uDCFF') >= 0;

    private static string DecodeEscaped(ReadOnlySpan<byte> bytes)
    {
        var builder = new StringBuilder(bytes.Length);
        while (!bytes.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(bytes, out var rune, out var consumed) == OperationStatus.Done)
            {
                builder.Append(rune.ToString());
            }
            else
            {
                for (var i = 0; i < consumed; i++)
                {
                    builder.Append((char)(EscapeBase + bytes[i]));
                }
            }

            bytes = bytes[consumed..];
        }

        return builder.ToString();
    }

    /// <summary>Returns the byte count; writes when the destination is not empty.</summary>
    private static int EncodeEscaped(string text, Span<byte> destination)
    {
        Span<byte> utf8 = stackalloc byte[4];
        var length = 0;
        var rest = text.AsSpan();
        while (!rest.IsEmpty)
        {
            int count;
            var status = Rune.DecodeFromUtf16(rest, out var rune, out var consumed);
            if (status != OperationStatus.Done && rest[0] is >= '\uDC80' and <= '\uDCFF')
            {
                utf8[0] = (byte)(rest[0] - EscapeBase);
                count = 1;
                consumed = 1;
            }
            else
            {
                count = rune.EncodeToUtf8(utf8);
            }

            if (!destination.IsEmpty)
            {
                utf8[..count].CopyTo(destination[length..]);
            }

            length += count;
            rest = rest[consumed..];
        }

        return length;
    }

    private sealed class ByteOrderComparer : IComparer<string>
    {
        public int Compare(string? x, string? y)
        {
            if (Ascii.IsValid(x) && Ascii.IsValid(y))
            {
                return string.CompareOrdinal(x, y);
            }

            return ToBytes(x ?? "").AsSpan().SequenceCompareTo(ToBytes(y ?? ""));
        }
    }
}
