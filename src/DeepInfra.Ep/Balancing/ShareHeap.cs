// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep.Balancing;

/// <summary>Items by descending load per replica, the lower index first where loads are equal: what a scan for the first maximum finds.</summary>
internal sealed class ShareHeap
{
    private readonly float[] _shares;
    private readonly int[] _items;

    public ShareHeap(float[] shares)
    {
        _shares = [.. shares];
        _items = [.. Enumerable.Range(0, shares.Length)];
        for (var i = _items.Length / 2 - 1; i >= 0; i--)
            Sink(i);
    }

    public int Largest => _items[0];

    /// <summary>Gives the largest item a new, smaller share.</summary>
    public void ReplaceLargest(float share)
    {
        _shares[_items[0]] = share;
        Sink(0);
    }

    private void Sink(int index)
    {
        while (true)
        {
            var first = index;
            var left = 2 * index + 1;
            if (left < _items.Length && IsBefore(_items[left], _items[first]))
                first = left;
            if (left + 1 < _items.Length && IsBefore(_items[left + 1], _items[first]))
                first = left + 1;
            if (first == index)
                return;
            (_items[index], _items[first]) = (_items[first], _items[index]);
            index = first;
        }
    }

    private bool IsBefore(int a, int b) =>
        _shares[a] > _shares[b] || (_shares[a] == _shares[b] && a < b);
}
