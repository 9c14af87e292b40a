// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla.Cpu;

/// <summary>
/// Visibility inside a tile of queries by keys. Query i sees the first <c>Of(i)</c> keys of the tile; with a causal mask the
/// limit grows by one per query, so key j is seen by the queries from <c>FirstQuery(j)</c> on.
/// </summary>
internal readonly struct RowLimits
{
    private readonly int _offset;
    private readonly int _keys;
    private readonly bool _causal;

    public RowLimits(
        in PrefillArguments arguments,
        int firstQuery,
        int firstKey,
        int keys,
        int queryLength,
        int keyLength
    )
    {
        _causal = arguments.Causal;
        _keys = keys;
        _offset = firstQuery + 1 + keyLength - queryLength - firstKey;
        IsFull = Of(0) == keys;
    }

    /// <summary>True if every query sees every key of the tile.</summary>
    public bool IsFull { get; }

    public int Of(int query) => _causal ? Math.Clamp(query + _offset, 0, _keys) : _keys;

    /// <summary>The first query that sees a key; at least <paramref name="queries"/> if none does.</summary>
    public int FirstQuery(int key, int queries) =>
        _causal ? Math.Clamp(key + 1 - _offset, 0, queries) : 0;
}
