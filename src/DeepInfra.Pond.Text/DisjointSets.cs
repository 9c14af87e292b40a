// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Text;

/// <summary>Union-find with union by size and path halving (Tarjan).</summary>
internal sealed class DisjointSets
{
    private readonly List<int> _parent = [];
    private readonly List<int> _size = [];

    public void Union(int a, int b)
    {
        a = Find(a);
        b = Find(b);
        if (a == b)
        {
            return;
        }

        if (_size[a] < _size[b])
        {
            (a, b) = (b, a);
        }

        _parent[b] = a;
        _size[a] += _size[b];
    }

    public int Find(int item)
    {
        while (_parent.Count <= item)
        {
            _parent.Add(_parent.Count);
            _size.Add(1);
        }

        while (_parent[item] != item)
        {
            _parent[item] = _parent[_parent[item]];
            item = _parent[item];
        }

        return item;
    }
}
