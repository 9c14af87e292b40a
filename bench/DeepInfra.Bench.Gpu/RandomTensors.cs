// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;

namespace DeepInfra.Bench.Gpu;

/// <summary>Inputs of benchmarks: never zeros, on which hardware is faster.</summary>
internal static class RandomTensors
{
    /// <summary>Standard normal numbers in host memory; equal for equal seeds.</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="seed">The seed.</param>
    public static unsafe Tensor<BFloat16> Normal(int rows, int columns, int seed)
    {
        var tensor = Tensor<BFloat16>.Create([rows, columns], zeroed: false);
        var first = (nint)tensor.DataPointer;
        Parallel.For(
            0,
            rows,
            row =>
            {
                var random = new Random(unchecked(seed * 1_000_003 + row));
                var values = new Span<BFloat16>((BFloat16*)first + (long)row * columns, columns);
                for (var i = 0; i < values.Length; i += 2)
                {
                    // Two independent numbers at a time.
                    var radius = MathF.Sqrt(-2 * MathF.Log(1 - random.NextSingle()));
                    var (sine, cosine) = MathF.SinCos(2 * MathF.PI * random.NextSingle());
                    values[i] = (BFloat16)(radius * cosine);
                    if (i + 1 < values.Length)
                        values[i + 1] = (BFloat16)(radius * sine);
                }
            }
        );
        return tensor;
    }

    /// <summary>The same in device memory.</summary>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="stream">Where the copy is enqueued; it is done when this returns.</param>
    public static Tensor Normal(int rows, int columns, int seed, CudaStream stream)
    {
        using var host = Normal(rows, columns, seed);
        var tensor = ((Tensor)host).ToDevice(stream.Device, stream);
        stream.Synchronize();
        return tensor;
    }
}
