// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using DeepInfra.Core;

namespace EndToEnd.Model;

/// <summary>
/// Scratch tensors of one thread, reused from call to call: operands in a narrower type. A slot's content is valid until
/// the thread rents the slot again.
/// </summary>
internal static class ThreadScratch<T>
    where T : unmanaged
{
    private const int Slots = 2;
    private const int LeastElements = 1 << 16;

    private static readonly ConcurrentBag<Tensor<T>> s_all = [];

    [ThreadStatic]
    private static Tensor<T>?[]? t_slots;

    [ThreadStatic]
    private static int t_drains;

    private static int s_drains;

    public static Tensor<T> Rent(int slot, Shape shape)
    {
        var count = shape.ElementCount;
        if (t_slots is null || t_drains != Volatile.Read(ref s_drains))
        {
            t_slots = new Tensor<T>?[Slots];
            t_drains = Volatile.Read(ref s_drains);
        }
        var slots = t_slots;
        if (slots[slot] is not { } tensor || tensor.ElementCount < count)
        {
            slots[slot]?.Dispose();
            tensor = slots[slot] = Tensor<T>.Create(
                [Math.Max(count, LeastElements)],
                zeroed: false
            );
            s_all.Add(tensor);
        }
        return tensor.AsSlice(0, 0, count).AsReshaped(shape);
    }

    /// <summary>Frees the tensors of all threads; none of them may compute any more.</summary>
    public static void Drain()
    {
        Interlocked.Increment(ref s_drains);
        while (s_all.TryTake(out var tensor))
            tensor.Dispose();
    }
}
