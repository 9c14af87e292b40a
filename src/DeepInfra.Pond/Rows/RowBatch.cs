// SPDX-License-Identifier: MIT
using Apache.Arrow;

namespace DeepInfra.Pond.Rows;

/// <summary>A record batch with a look-up by column name.</summary>
internal sealed class RowBatch
{
    private readonly Dictionary<string, int> _ordinals;

    public RowBatch(RecordBatch batch)
    {
        Batch = batch;
        Columns = batch.Arrays.ToArray();
        _ordinals = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < Columns.Length; i++)
        {
            _ordinals.TryAdd(batch.Schema.FieldsList[i].Name, i);
        }
    }

    public RecordBatch Batch { get; }

    public IArrowArray[] Columns { get; }

    public int Ordinal(string name) =>
        _ordinals.TryGetValue(name, out var ordinal)
            ? ordinal
            : throw new ArgumentException(
                $"name: there is no column '{name}'; columns: {string.Join(", ", _ordinals.Keys)}.",
                nameof(name)
            );
}
