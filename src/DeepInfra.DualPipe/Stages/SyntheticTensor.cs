// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using DeepInfra.DualPipe.Tensors;

namespace DeepInfra.DualPipe.Stages;

/// <summary>Two Float64 values, recycled as an object so that a warm pipeline allocates nothing.</summary>
internal sealed class SyntheticTensor(Recycler<SyntheticTensor> pool)
    : PipelineTensor(PipelineDataType.Float64, [2])
{
    private readonly double[] _values = new double[2];
    private int _live;

    public override bool IsReleased => Volatile.Read(ref _live) == 0;

    public override Span<byte> Bytes
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsReleased, this);
            return MemoryMarshal.AsBytes(_values.AsSpan());
        }
    }

    public void Set(double first, double second)
    {
        _values[0] = first;
        _values[1] = second;
        Volatile.Write(ref _live, 1);
    }

    public override void ReleaseStorage()
    {
        if (Interlocked.Exchange(ref _live, 0) == 1)
        {
            pool.Return(this);
        }
    }
}
