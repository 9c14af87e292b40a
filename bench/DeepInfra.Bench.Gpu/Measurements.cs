// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;

namespace DeepInfra.Bench.Gpu;

/// <summary>The results of a run, each beside the driver's device-to-device copy measured in the same run.</summary>
internal sealed class Measurements
{
    private readonly List<BenchResult> _results = [];
    private readonly double _copyRate;

    public Measurements(CudaStream stream, StreamTimer timer, bool smoke)
    {
        Stream = stream;
        Timer = timer;
        IsSmoke = smoke;
        var bytes = smoke ? 1L << 16 : 1L << 28;
        using var from = Tensor<byte>.Create([bytes], stream);
        using var to = Tensor<byte>.Create([bytes], stream);
        var time = timer.Measure(() => ((Tensor)from).CopyTo(to, stream));
        _copyRate = 2 * bytes / time;
        Add("core", "driver copy", from.Shape.ToString(), time, 2 * bytes);
    }

    public CudaStream Stream { get; }

    public StreamTimer Timer { get; }

    /// <summary>Small shapes, once each.</summary>
    public bool IsSmoke { get; }

    public IReadOnlyList<BenchResult> Results => _results;

    /// <param name="area">The package.</param>
    /// <param name="name">The operation.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="microseconds">Median time.</param>
    /// <param name="bytes">Bytes that must be read and written once.</param>
    /// <param name="operations">Floating-point operations; 0 where they do not matter.</param>
    public void Add(
        string area,
        string name,
        string shape,
        double microseconds,
        long bytes,
        long operations = 0
    )
    {
        var rate = bytes / microseconds;
        _results.Add(
            new BenchResult(
                area,
                name,
                shape,
                microseconds,
                bytes,
                rate / 1000,
                rate / _copyRate,
                operations,
                operations / microseconds / 1e6
            )
        );
    }
}
