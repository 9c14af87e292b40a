// SPDX-License-Identifier: MIT
namespace DeepInfra.DualPipe.Stages;

/// <summary>A thread-safe free list of reusable objects.</summary>
internal sealed class Recycler<T>
    where T : class
{
    private readonly Lock _lock = new();
    private readonly Stack<T> _free = new();
    private readonly Func<Recycler<T>, T> _create;

    public Recycler(Func<Recycler<T>, T> create) => _create = create;

    public T Rent()
    {
        lock (_lock)
        {
            if (_free.TryPop(out var item))
            {
                return item;
            }
        }

        return _create(this);
    }

    public void Return(T item)
    {
        lock (_lock)
        {
            _free.Push(item);
        }
    }
}
