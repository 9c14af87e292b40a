// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla.Cpu;

/// <summary>
/// The tiles of all requests and heads, numbered request by request and head by head. Only tiles that exist get a number: a
/// batch of many short requests and one long one costs what its rows cost, not its requests times its longest length.
/// </summary>
internal unsafe struct RaggedTiles
{
    // Tile counts fit 31 bits, because offsets do and a request has at most one tile per row.
    private readonly int* _starts;
    private readonly int _batch;
    private readonly int _heads;

    /// <param name="offsets">Where the rows of each request start, <paramref name="batch"/> + 1 of them.</param>
    /// <param name="batch">Number of requests.</param>
    /// <param name="heads">Heads per request.</param>
    /// <param name="starts">Room for <paramref name="batch"/> + 1 numbers that outlive this.</param>
    public RaggedTiles(int* offsets, int batch, int heads, int* starts)
    {
        _starts = starts;
        _batch = batch;
        _heads = heads;
        starts[0] = 0;
        for (var i = 0; i < batch; i++)
        {
            long rows = offsets[i + 1] - offsets[i];
            starts[i + 1] =
                starts[i] + (int)((rows + PrefillArguments.Tile - 1) / PrefillArguments.Tile);
        }
    }

    /// <summary>Number of tiles of all requests and heads.</summary>
    public readonly long Count => (long)_starts[_batch] * _heads;

    /// <summary>Which tile has a number.</summary>
    public readonly (int Request, int Head, int Tile) this[long number]
    {
        get
        {
            var target = number / _heads;
            var (low, high) = (0, _batch);
            while (high - low > 1)
            {
                var middle = low + (high - low) / 2;
                if (_starts[middle] <= target)
                    low = middle;
                else
                    high = middle;
            }
            var tiles = _starts[low + 1] - _starts[low];
            var (head, tile) = Math.DivRem(number - (long)_starts[low] * _heads, tiles);
            return (low, (int)head, (int)tile);
        }
    }
}
