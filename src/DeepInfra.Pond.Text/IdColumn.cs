// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using Apache.Arrow;

namespace DeepInfra.Pond.Text;

/// <summary>Numbers document identifiers in the order in which they appear.</summary>
internal abstract class IdColumn
{
    public static IdColumn Create(IArrowArray sample) =>
        sample switch
        {
            Int64Array => new Typed<long>(
                (array, i) => ((Int64Array)array).GetValue(i)!.Value,
                Comparer<long>.Default,
                values =>
                {
                    var builder = new Int64Array.Builder();
                    builder.AppendRange(values);
                    return builder.Build();
                }
            ),
            StringArray => new Typed<string>(
                (array, i) => ((StringArray)array).GetString(i),
                StringComparer.Ordinal,
                values =>
                {
                    var builder = new StringArray.Builder();
                    builder.AppendRange(values);
                    return builder.Build();
                }
            ),
            _ => throw new PondSchemaException(
                $"IdColumn: expected BIGINT or VARCHAR, got {Engine.ArrowTypes.SqlName(sample.Data.DataType)}."
            ),
        };

    public abstract int Number(IArrowArray array, int index);

    /// <summary>All identifiers that are not the least of their set, in rising order.</summary>
    public abstract IArrowArray NotLeast(DisjointSets sets, out int components);

    private sealed class Typed<T>(
        Func<IArrowArray, int, T> read,
        IComparer<T> comparer,
        Func<IEnumerable<T>, IArrowArray> build
    ) : IdColumn
        where T : notnull
    {
        private readonly Dictionary<T, int> _numbers = [];
        private readonly List<T> _values = [];

        public override int Number(IArrowArray array, int index)
        {
            var value = read(array, index);
            ref var number = ref CollectionsMarshal.GetValueRefOrAddDefault(
                _numbers,
                value,
                out var exists
            );
            if (!exists)
            {
                number = _values.Count;
                _values.Add(value);
            }

            return number;
        }

        public override IArrowArray NotLeast(DisjointSets sets, out int components)
        {
            var least = new Dictionary<int, int>();
            for (var i = 0; i < _values.Count; i++)
            {
                var root = sets.Find(i);
                if (
                    !least.TryGetValue(root, out var best)
                    || comparer.Compare(_values[i], _values[best]) < 0
                )
                {
                    least[root] = i;
                }
            }

            components = least.Count;
            var kept = least.Values.ToHashSet();
            return build(
                Enumerable
                    .Range(0, _values.Count)
                    .Where(i => !kept.Contains(i))
                    .Select(i => _values[i])
                    .Order(comparer)
            );
        }
    }
}
