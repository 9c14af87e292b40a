// SPDX-License-Identifier: MIT
using System.Collections;
using System.Runtime.CompilerServices;

namespace DeepInfra.DualPipe.Tensors;

/// <summary>
/// The tensors of one boundary, in order; an entry may be null. A list of one tensor needs no array.
/// The list does not own its tensors; who does is stated where a list is passed.
/// </summary>
[CollectionBuilder(typeof(TensorList), nameof(Create))]
public readonly struct TensorList : IReadOnlyList<PipelineTensor?>
{
    // Null, one tensor, or an array; an array of length 0 is stored as null.
    private readonly object? _value;
    private readonly int _count;

    private TensorList(object? value, int count)
    {
        _value = value;
        _count = count;
    }

    /// <summary>A list without tensors.</summary>
    public static TensorList Empty => default;

    /// <summary>Number of entries.</summary>
    public int Count => _count;

    /// <summary>True when there is at least one entry and every entry is null.</summary>
    public bool IsAllNull
    {
        get
        {
            for (var i = 0; i < _count; i++)
            {
                if (this[i] is not null)
                {
                    return false;
                }
            }

            return _count > 0;
        }
    }

    /// <summary>Bytes of all tensors together.</summary>
    public long ByteCount
    {
        get
        {
            var sum = 0L;
            for (var i = 0; i < _count; i++)
            {
                sum += this[i]?.ByteCount ?? 0;
            }

            return sum;
        }
    }

    /// <summary>An entry.</summary>
    /// <param name="index">Position.</param>
    /// <exception cref="ArgumentOutOfRangeException">Out of range.</exception>
    public PipelineTensor? this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(
                (uint)index,
                (uint)_count,
                nameof(index)
            );
            return _value is PipelineTensor?[] array ? array[index] : (PipelineTensor?)_value;
        }
    }

    /// <summary>A list of one tensor; a null tensor gives a list with one null entry.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <returns>The list.</returns>
    public static implicit operator TensorList(PipelineTensor? tensor) => Of(tensor);

    /// <summary>A list of one tensor; a null tensor gives a list with one null entry.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <returns>The list.</returns>
    public static TensorList Of(PipelineTensor? tensor) => new(tensor, 1);

    /// <summary>A list over a copy of the entries.</summary>
    /// <param name="tensors">The entries.</param>
    /// <returns>The list.</returns>
    public static TensorList Create(params ReadOnlySpan<PipelineTensor?> tensors) =>
        tensors.Length switch
        {
            0 => default,
            1 => new TensorList(tensors[0], 1),
            _ => new TensorList(tensors.ToArray(), tensors.Length),
        };

    /// <summary>A list of null entries.</summary>
    /// <param name="count">Number of entries.</param>
    /// <returns>The list.</returns>
    public static TensorList Nulls(int count) =>
        count <= 1
            ? new TensorList(null, count)
            : new TensorList(new PipelineTensor?[count], count);

    /// <summary>Disposes every tensor in the list.</summary>
    public void DisposeAll()
    {
        for (var i = 0; i < _count; i++)
        {
            this[i]?.Dispose();
        }
    }

    /// <summary>Enumerates without allocating.</summary>
    /// <returns>The enumerator.</returns>
    public Enumerator GetEnumerator() => new(this);

    IEnumerator<PipelineTensor?> IEnumerable<PipelineTensor?>.GetEnumerator()
    {
        for (var i = 0; i < _count; i++)
        {
            yield return this[i];
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => ((IEnumerable<PipelineTensor?>)this).GetEnumerator();

    /// <summary>Enumerator of <see cref="TensorList"/>.</summary>
    public struct Enumerator
    {
        private readonly TensorList _list;
        private int _index;

        internal Enumerator(TensorList list)
        {
            _list = list;
            _index = -1;
        }

        /// <summary>The current entry.</summary>
        public readonly PipelineTensor? Current => _list[_index];

        /// <summary>Moves on.</summary>
        /// <returns>False at the end.</returns>
        public bool MoveNext() => ++_index < _list._count;
    }
}
