// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace EndToEnd.Model;

/// <summary>Per-thread memory for operands that live only during one product.</summary>
internal static class QuantizedScratch
{
    [ThreadStatic]
    private static Tensor<Float8E4M3>?[]? t_codes;

    [ThreadStatic]
    private static Tensor<float>?[]? t_scales;

    public static Tensor<Float8E4M3> Codes(int slot, long rows, long columns) =>
        Rent(t_codes ??= new Tensor<Float8E4M3>?[2], slot, rows, columns);

    public static Tensor<float> Scales(int slot, long rows, long columns) =>
        Rent(t_scales ??= new Tensor<float>?[2], slot, rows, columns);

    private static Tensor<T> Rent<T>(Tensor<T>?[] cache, int slot, long rows, long columns)
        where T : unmanaged
    {
        var count = rows * columns;
        if (cache[slot] is not { } tensor || tensor.ElementCount < count)
        {
            cache[slot]?.Dispose();
            tensor = cache[slot] = Tensor<T>.Create([Math.Max(count, 1 << 16)], zeroed: false);
        }
        return tensor.AsSlice(0, 0, count).AsReshaped([rows, columns]);
    }
}
