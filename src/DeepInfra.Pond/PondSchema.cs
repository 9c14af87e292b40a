// SPDX-License-Identifier: MIT
using System.Collections;

namespace DeepInfra.Pond;

/// <summary>Ordered columns of a frame. Immutable.</summary>
public sealed class PondSchema : IReadOnlyList<PondColumn>, IEquatable<PondSchema>
{
    private readonly PondColumn[] _columns;

    /// <summary>Creates a schema.</summary>
    /// <param name="columns">At least one column; names differ by more than case.</param>
    /// <exception cref="ArgumentException">No column, an empty name or type, or a repeated name.</exception>
    public PondSchema(IEnumerable<PondColumn> columns)
    {
        ArgumentNullException.ThrowIfNull(columns);
        _columns = columns.ToArray();
        if (_columns.Length == 0)
        {
            throw new ArgumentException(
                "columns: expected at least one column, got none.",
                nameof(columns)
            );
        }

        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var column in _columns)
        {
            if (string.IsNullOrEmpty(column.Name) || string.IsNullOrWhiteSpace(column.SqlType))
            {
                throw new ArgumentException(
                    $"columns: expected a name and a type, got '{column.Name}' '{column.SqlType}'.",
                    nameof(columns)
                );
            }

            if (!seen.Add(column.Name))
            {
                throw new ArgumentException(
                    $"columns: expected distinct names, got '{column.Name}' twice.",
                    nameof(columns)
                );
            }
        }
    }

    /// <summary>Creates a schema from (name, type) pairs.</summary>
    /// <param name="columns">Name and DuckDB type of each column.</param>
    /// <returns>The schema.</returns>
    public static PondSchema Create(params (string Name, string SqlType)[] columns) =>
        new(columns.Select(c => new PondColumn(c.Name, c.SqlType)));

    /// <inheritdoc/>
    public int Count => _columns.Length;

    /// <inheritdoc/>
    public PondColumn this[int index] => _columns[index];

    /// <summary>Position of a column.</summary>
    /// <param name="name">Name, compared without regard to case.</param>
    /// <returns>The position, or -1 when there is none.</returns>
    public int IndexOf(string name) =>
        Array.FindIndex(
            _columns,
            c => string.Equals(c.Name, name, StringComparison.OrdinalIgnoreCase)
        );

    /// <inheritdoc/>
    public IEnumerator<PondColumn> GetEnumerator() =>
        ((IEnumerable<PondColumn>)_columns).GetEnumerator();

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <inheritdoc/>
    public bool Equals(PondSchema? other) =>
        other is not null && _columns.SequenceEqual(other._columns);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as PondSchema);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var column in _columns)
        {
            hash.Add(column);
        }

        return hash.ToHashCode();
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Join(", ", _columns.Select(c => $"{c.Name} {c.SqlType}"));
}
