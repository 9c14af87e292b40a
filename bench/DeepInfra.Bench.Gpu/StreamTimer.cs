// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Core.Cuda;

namespace DeepInfra.Bench.Gpu;

/// <summary>Times work on a stream by events; the L2 cache is overwritten before each repetition.</summary>
internal sealed class StreamTimer : IDisposable
{
    private const int Warmups = 10;
    private const int Repetitions = 50;

    private readonly CudaStream _stream;
    private readonly Tensor _flush;
    private readonly bool _once;

    /// <param name="stream">The stream.</param>
    /// <param name="once">Run everything once, to see that it works.</param>
    public StreamTimer(CudaStream stream, bool once)
    {
        _stream = stream;
        _once = once;
        var cache = Math.Max(CudaDevice.Get(stream.Device).L2CacheBytes, 1 << 20);
        _flush = Tensor.Create(DType.UInt8, [once ? 1 << 16 : 2L * cache], stream, zeroed: false);
    }

    /// <summary>The median time in microseconds.</summary>
    public double Measure(Action work)
    {
        for (var i = 0; i < (_once ? 0 : Warmups); i++)
            work();
        var times = new double[_once ? 1 : Repetitions];
        using var start = new CudaEvent(_stream.Device, timing: true);
        using var end = new CudaEvent(_stream.Device, timing: true);
        for (var i = 0; i < times.Length; i++)
        {
            CudaTensor.Fill(_flush, (ulong)(i & 0xFF), _stream);
            start.Record(_stream);
            work();
            end.Record(_stream);
            _stream.Synchronize();
            times[i] = 1000 * end.ElapsedMilliseconds(start);
        }
        Array.Sort(times);
        return times[times.Length / 2];
    }

    public void Dispose() => _flush.Dispose();
}
