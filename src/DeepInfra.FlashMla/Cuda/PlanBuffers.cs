// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using DeepInfra.Core;
using DeepInfra.Core.Cuda;

namespace DeepInfra.FlashMla.Cuda;

/// <summary>A plan's schedule and accumulators in device memory. Not thread-safe; the plan sees to that.</summary>
/// <param name="device">The device.</param>
/// <param name="maxBatch">Most requests.</param>
/// <param name="rows">Query tokens times heads.</param>
internal sealed unsafe class PlanBuffers(Device device, int maxBatch, long rows) : IDisposable
{
    private const int PartInts = 8;

    // Set once the schedule has left the staging memory, which may then be overwritten.
    private readonly CudaEvent _copied = new(device);
    private Tensor<int>? _staging;
    private Tensor<int>? _schedule;
    private Tensor<float>? _outAccumulator;
    private Tensor<float>? _lseAccumulator;
    private int _partCapacity;

    /// <summary>The device.</summary>
    public Device Device => device;

    /// <summary>Row sets that the accumulators hold.</summary>
    public long Sets { get; private set; }

    /// <summary>Bytes of the accumulators.</summary>
    public long AccumulatorBytes => Sets * rows * (CudaDecodeSupport.ValueDim + 1L) * sizeof(float);

    /// <summary>[parts, 8] records.</summary>
    public int* Parts => _schedule is null ? null : _schedule.DataPointer;

    /// <summary>[batch + 1] running totals.</summary>
    public int* SplitOffsets => Parts + (long)_partCapacity * PartInts;

    /// <summary>[batch] first row sets.</summary>
    public int* SplitBases => SplitOffsets + maxBatch + 1;

    /// <summary>[sets, tokens, heads, 512], or null.</summary>
    public float* OutAccumulator => _outAccumulator is null ? null : _outAccumulator.DataPointer;

    /// <summary>[sets, tokens, heads], or null.</summary>
    public float* LseAccumulator => _lseAccumulator is null ? null : _lseAccumulator.DataPointer;

    /// <summary>Makes room; earlier contents are lost if memory has to grow.</summary>
    /// <param name="parts">Parts.</param>
    /// <param name="sets">Row sets of partial results.</param>
    /// <param name="stream">In whose order memory is allocated.</param>
    public void Reserve(int parts, long sets, CudaStream stream)
    {
        if (parts > _partCapacity || _schedule is null)
        {
            _staging?.Dispose();
            _schedule?.Dispose();
            _schedule = null;
            _partCapacity = Math.Max(1, parts);
            var count = checked((long)_partCapacity * PartInts + 2L * maxBatch + 1);
            // A plan outlives the scope in which it is first used.
            using var suspended = TensorScope.Suspend();
            _staging = Tensor<int>.CreatePinned([count], device);
            _schedule = Tensor<int>.Create([count], stream, zeroed: false);
        }
        if (sets > Sets)
        {
            FreeAccumulators();
            using var suspended = TensorScope.Suspend();
            _outAccumulator = Tensor<float>.Create(
                [checked(sets * rows * CudaDecodeSupport.ValueDim)],
                stream,
                zeroed: false
            );
            _lseAccumulator = Tensor<float>.Create([checked(sets * rows)], stream, zeroed: false);
            Sets = sets;
        }
    }

    /// <summary>Enqueues the copy of a schedule to the device. Waits only if the copy before has not happened yet.</summary>
    public void Upload(
        ReadOnlySpan<MlaPartRecord> parts,
        ReadOnlySpan<int> splitOffsets,
        ReadOnlySpan<int> splitBases,
        CudaStream stream
    )
    {
        _copied.Synchronize();
        var staging = new Span<int>(_staging!.DataPointer, checked((int)_staging.ElementCount));
        MemoryMarshal.Cast<MlaPartRecord, int>(parts).CopyTo(staging);
        var offsets = staging[(_partCapacity * PartInts)..];
        splitOffsets.CopyTo(offsets);
        splitBases.CopyTo(offsets[(maxBatch + 1)..]);
        _staging.CopyTo(_schedule!, stream);
        _copied.Record(stream);
    }

    /// <summary>Says that work on a stream uses the memory.</summary>
    public void RecordStream(CudaStream stream)
    {
        _schedule!.RecordStream(stream);
        _outAccumulator?.RecordStream(stream);
        _lseAccumulator?.RecordStream(stream);
    }

    /// <summary>Frees everything after the work that uses it.</summary>
    public void Dispose()
    {
        FreeAccumulators();
        _schedule?.Dispose();
        _staging?.Dispose();
        _copied.Dispose();
    }

    private void FreeAccumulators()
    {
        _outAccumulator?.Dispose();
        _lseAccumulator?.Dispose();
        _outAccumulator = null;
        _lseAccumulator = null;
        Sets = 0;
    }
}
