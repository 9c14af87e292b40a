// SPDX-License-Identifier: MIT
namespace DeepInfra.Core;

/// <summary>
/// Tells whether strided tensors share memory. Most strided sets of addresses are told apart by their bounds; what remains,
/// such as columns of one matrix side by side, by the common step of both: with g the greatest common divisor of all
/// steps between runs of adjacent bytes, every run of a tensor begins at its first address plus a multiple of g, so
/// that two tensors whose runs do not meet within one period of g have no byte in common. This never misses an overlap; it may
/// report one for tensors with unrelated strides that interleave without touching.
/// </summary>
internal static unsafe class MemoryOverlap
{
    /// <summary>True unless the two certainly have no byte in common. Empty tensors have none.</summary>
    public static bool Possible(Tensor first, Tensor second)
    {
        if (
            first.Device != second.Device
            || first.ElementCount == 0
            || second.ElementCount == 0
            || first.IsDisposed
            || second.IsDisposed
        )
            return false;
        var a = new Footprint(first);
        var b = new Footprint(second);
        if (a.End <= b.Start || b.End <= a.Start)
            return false;
        var period = Gcd(a.Period, b.Period);
        if (period == 0)
            return true;
        if (a.Run > period || b.Run > period)
            return true;
        var distance = (long)((b.Start - a.Start) % period);
        if (distance < 0)
            distance += period;
        return distance < a.Run || distance + b.Run > period;
    }

    /// <summary>True if two indices of one tensor may lie at the same address, as after broadcasting with stride 0.</summary>
    public static bool WithinItself(Tensor tensor)
    {
        if (tensor.ElementCount <= 1)
            return false;
        // From the smallest step to the largest, each must pass over everything below it.
        Span<(long Step, long Extent)> steps = stackalloc (long, long)[Shape.MaxRank];
        var count = Steps(tensor, steps);
        long reach = 1;
        foreach (var (step, extent) in steps[..count])
        {
            if (step < reach)
                return true;
            reach += step * (extent - 1);
        }
        return false;
    }

    /// <summary>Absolute steps in elements of the dimensions with more than one index, ascending.</summary>
    private static int Steps(Tensor tensor, Span<(long Step, long Extent)> steps)
    {
        var count = 0;
        for (var i = 0; i < tensor.Rank; i++)
        {
            if (tensor.Shape[i] <= 1)
                continue;
            var step = Math.Abs(tensor.Strides[i]);
            var at = count++;
            for (; at > 0 && steps[at - 1].Step > step; at--)
                steps[at] = steps[at - 1];
            steps[at] = (step, tensor.Shape[i]);
        }
        return count;
    }

    private static long Gcd(long a, long b)
    {
        while (b != 0)
            (a, b) = (b, a % b);
        return a;
    }

    /// <summary>The addresses of a tensor: bounds, and runs of adjacent bytes that repeat with a period.</summary>
    private readonly struct Footprint
    {
        public Footprint(Tensor tensor)
        {
            var size = DTypes.SizeInBytes(tensor.DType);
            Int128 low = (nuint)tensor.DataPointer;
            var high = low + size;
            for (var i = 0; i < tensor.Rank; i++)
            {
                var reach = (Int128)(tensor.Shape[i] - 1) * tensor.Strides[i] * size;
                if (reach < 0)
                    low += reach;
                else
                    high += reach;
            }
            (Start, End) = (low, high);

            Span<(long Step, long Extent)> steps = stackalloc (long, long)[Shape.MaxRank];
            var count = Steps(tensor, steps);
            Run = size;
            foreach (var (step, extent) in steps[..count])
            {
                if (step * size == Run)
                    Run *= extent;
                else
                    Period = Gcd(Period, step * size);
            }
        }

        public Int128 Start { get; }

        /// <summary>Behind the last byte.</summary>
        public Int128 End { get; }

        /// <summary>Adjacent bytes.</summary>
        public long Run { get; }

        /// <summary>Divides the distance of any two runs; 0 if there is only one.</summary>
        public long Period { get; }
    }
}
