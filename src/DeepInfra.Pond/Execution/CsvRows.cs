// SPDX-License-Identifier: MIT
using System.Text;

namespace DeepInfra.Pond.Execution;

/// <summary>
/// Tells where the rows of a CSV file end: a line feed inside quotes belongs to the field. A quote opens a field
/// only at its start.
/// </summary>
internal sealed class CsvRows(CsvReadOptions options)
{
    private readonly byte[] _delimiter = Encoding.UTF8.GetBytes(options.Delimiter);
    private readonly int _quote = options.Quote.Length == 1 ? options.Quote[0] : -1;
    private bool _inside;

    /// <summary>Whether the row goes on after this line, which comes without its line feed.</summary>
    public bool ContinuesAfter(ReadOnlySpan<byte> line)
    {
        if (_quote < 0)
        {
            return false;
        }

        var fieldStart = !_inside;
        for (var i = 0; i < line.Length; )
        {
            if (_inside)
            {
                var close = line[i..].IndexOf((byte)_quote);
                if (close < 0)
                {
                    return true;
                }

                i += close + 1;
                if (i < line.Length && line[i] == _quote)
                {
                    i++;
                }
                else
                {
                    _inside = false;
                }
            }
            else if (fieldStart && line[i] == _quote)
            {
                _inside = true;
                fieldStart = false;
                i++;
            }
            else if (line[i..].StartsWith(_delimiter))
            {
                fieldStart = true;
                i += _delimiter.Length;
            }
            else
            {
                fieldStart = false;
                i++;
            }
        }

        return _inside;
    }
}
