// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DeepInfra.Core;
using DeepInfra.Core.Cuda;
using DeepInfra.FlashMla.Cpu;
using DeepInfra.FlashMla.Cuda;

namespace DeepInfra.FlashMla;

/// <summary>
/// The schedule and the workspace of decode calls. Update it once per step with the lengths of the batch, then use
/// it for every layer: a plan stays valid while the lengths do. <see cref="MlaAttention.Decode"/> rejects a call
/// whose shapes differ from the plan's and, on the CPU, one whose lengths differ. On a CUDA device the lengths cannot
/// be seen: that they are those of the update is the caller's duty there.
/// </summary>
/// <remarks>
/// One call at a time may use a plan, because the workspace is shared; concurrent use throws. Updating and decoding
/// allocate no managed memory. Owns native or device memory: dispose it.
/// </remarks>
public sealed unsafe partial class MlaDecodePlan : IDisposable
{
    // On the CPU the fixed cost of a request in a part (loading queries, storing a partial result) is about that
    // of one block.
    private const int OverheadBlocks = 1;

    /// <summary>Longest sequence: the end of its last block is still a 32-bit number.</summary>
    private const int MaxLength = int.MaxValue - MlaSchedule.BlockTokens;

    private readonly int[] _lengths;
    private readonly int[] _topK;
    private readonly int[] _extraTopK;
    private readonly int[] _splitOffsets;
    private readonly int[] _splitBase;
    private readonly int _balancedParts;
    private MlaPartRecord[] _parts;
    private float* _outAccumulator;
    private float* _lseAccumulator;
    private long _accumulatorRows;
    private int _busy;
    private bool _updated;
    private bool _disposed;

    private MlaDecodePlan(Device device, MlaDecodeOptions options)
    {
        Device = device;
        Options = options;
        _balancedParts = device.IsCpu
            ? options.Cpu.MaxDegreeOfParallelism
            : CudaParts(device, options);
        _lengths = GC.AllocateArray<int>(options.MaxBatch + 1, pinned: true);
        _topK = GC.AllocateArray<int>(options.MaxBatch + 1, pinned: true);
        _extraTopK = GC.AllocateArray<int>(options.MaxBatch + 1, pinned: true);
        _splitOffsets = GC.AllocateArray<int>(options.MaxBatch + 1, pinned: true);
        _splitBase = GC.AllocateArray<int>(options.MaxBatch + 1, pinned: true);
        _parts = GC.AllocateArray<MlaPartRecord>(
            Math.Max(_balancedParts, options.MaxBatch),
            pinned: true
        );
        if (!device.IsCpu)
            _buffers = new PlanBuffers(
                device,
                options.MaxBatch,
                (long)options.QueryTokens * options.Shape.QueryHeads
            );
    }

    /// <summary>Frees the workspace of a plan that nobody disposed.</summary>
    ~MlaDecodePlan() => Free();

    /// <summary>The options the plan was created with.</summary>
    public MlaDecodeOptions Options { get; }

    /// <summary>Requests of the last update.</summary>
    public int Batch { get; private set; }

    /// <summary>Parts of the last update.</summary>
    public int PartCount { get; private set; }

    /// <summary>The part records of the last update; valid until the next one.</summary>
    public ReadOnlySpan<MlaPartRecord> PartRecords => _parts.AsSpan(0, PartCount);

    /// <summary>Running totals of splits, <see cref="Batch"/> + 1 values; valid until the next update.</summary>
    public ReadOnlySpan<int> SplitOffsets => _splitOffsets.AsSpan(0, Batch + 1);

    /// <summary>Bytes of accumulators held for partial results.</summary>
    public long WorkspaceBytes =>
        _buffers?.AccumulatorBytes
        ?? _accumulatorRows * (Options.Shape.ValueDim + 1) * sizeof(float);

    /// <summary>Names the kernel that a call with this plan runs.</summary>
    public string KernelName =>
        !Device.IsCpu
            ? $"cuda-smxx-{Options.Format}-dense".ToLowerInvariant()
            : $"cpu-{Options.Cpu.Tier}-{(IsSparse ? "sparse" : "dense")}".ToLowerInvariant();

    /// <summary>True if the plan is for sparse decode.</summary>
    public bool IsSparse => Options.TopK > 0;

    /// <summary>Creates a plan.</summary>
    /// <param name="device">Where tensors will live.</param>
    /// <param name="options">Shapes and settings.</param>
    /// <exception cref="ArgumentException">An option is out of range or does not fit the cache format.</exception>
    /// <exception cref="NotSupportedException">
    /// A CUDA device, and sparse decode, a Float16 cache, dimensions other than 576 or 512 with values of 512, or a GPU
    /// older than compute capability 8.0.
    /// </exception>
    /// <exception cref="NativeLibraryNotFoundException">A CUDA device, and the driver or the native library is missing.</exception>
    public static MlaDecodePlan Create(Device device, MlaDecodeOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        if (!device.IsCpu)
            CudaDecodeSupport.RequireOptions(options);
        return new MlaDecodePlan(device, options);
    }

    /// <summary>Plans a batch.</summary>
    /// <param name="cacheSeqlens">Int32 <c>[b]</c>, contiguous: tokens in the cache including the new ones, 0 allowed; b at most MaxBatch.</param>
    /// <exception cref="ArgumentException">Wrong shape, stride, or a negative length.</exception>
    /// <exception cref="InvalidOperationException">A call is using the plan; or the plan is for a CUDA device: the overload with a stream is for those.</exception>
    public void Update(Tensor<int> cacheSeqlens)
    {
        CheckLengthTensor(cacheSeqlens);
        Update(new ReadOnlySpan<int>(cacheSeqlens.DataPointer, (int)cacheSeqlens.Shape[0]));
        GC.KeepAlive(cacheSeqlens);
    }

    /// <summary>Plans a batch from host memory.</summary>
    /// <param name="cacheSeqlens">Tokens per request, at least 0; at most MaxBatch requests.</param>
    /// <exception cref="ArgumentException">Too many requests or a negative length.</exception>
    /// <exception cref="InvalidOperationException">The plan is for a CUDA device: the overload with a stream is for those.</exception>
    public void Update(ReadOnlySpan<int> cacheSeqlens)
    {
        ArgumentCheck.HostOverload(Device, "Update(cacheSeqlens, stream)");
        Plan(cacheSeqlens, null);
    }

    private void CheckLengthTensor(Tensor<int> cacheSeqlens)
    {
        ArgumentCheck.Alive(cacheSeqlens);
        ArgumentCheck.Rank(cacheSeqlens, 1, "[b]", nameof(cacheSeqlens));
        if (!cacheSeqlens.Device.IsCpu)
            throw new NotSupportedException(
                $"cacheSeqlens: schedules are made on the CPU in this version, from lengths in host memory, got {cacheSeqlens.Device}"
            );
        ArgumentCheck.LastAxisContiguous(cacheSeqlens, nameof(cacheSeqlens));
        if (cacheSeqlens.Shape[0] > Options.MaxBatch)
            throw new ArgumentException(
                $"cacheSeqlens: expected at most MaxBatch = {Options.MaxBatch} requests, got {cacheSeqlens.Shape[0]}",
                nameof(cacheSeqlens)
            );
    }

    private void Plan(ReadOnlySpan<int> cacheSeqlens, CudaStream? stream)
    {
        if (cacheSeqlens.Length > Options.MaxBatch)
            throw new ArgumentException(
                $"cacheSeqlens: expected at most MaxBatch = {Options.MaxBatch} requests, got {cacheSeqlens.Length}",
                nameof(cacheSeqlens)
            );
        for (var i = 0; i < cacheSeqlens.Length; i++)
            if (cacheSeqlens[i] is < 0 or > MaxLength)
                throw new ArgumentException(
                    $"cacheSeqlens[{i}]: expected a value in [0,{MaxLength}], got {cacheSeqlens[i]}",
                    nameof(cacheSeqlens)
                );
        RequireKind(sparse: false);
        Enter();
        try
        {
            Batch = cacheSeqlens.Length;
            cacheSeqlens.CopyTo(_lengths);
            Schedule(stream);
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>Plans a batch of sparse decode.</summary>
    /// <param name="batch">Requests, at most MaxBatch.</param>
    /// <param name="topKLength">Int32 <c>[b]</c>, contiguous: valid entries per request, 0 to TopK; null means all.</param>
    /// <param name="extraTopKLength">Int32 <c>[b]</c>, contiguous: valid entries of the extra lists, 0 to ExtraTopK; null means all.</param>
    /// <exception cref="ArgumentException">Wrong shape, stride or length.</exception>
    /// <exception cref="InvalidOperationException">The plan is for dense decode, or a call is using it.</exception>
    public void UpdateSparse(
        int batch,
        Tensor<int>? topKLength = null,
        Tensor<int>? extraTopKLength = null
    )
    {
        RequireKind(sparse: true);
        if (batch < 0 || batch > Options.MaxBatch)
            throw new ArgumentOutOfRangeException(
                nameof(batch),
                $"batch: expected a value in [0,{Options.MaxBatch}], got {batch}"
            );
        if (extraTopKLength is not null && Options.ExtraTopK == 0)
            throw new ArgumentException(
                "extraTopKLength: the plan has no extra scope (ExtraTopK is 0)",
                nameof(extraTopKLength)
            );
        CheckLengths(topKLength, batch, Options.TopK, nameof(topKLength));
        CheckLengths(extraTopKLength, batch, Options.ExtraTopK, nameof(extraTopKLength));
        Enter();
        try
        {
            Batch = batch;
            for (var i = 0; i < batch; i++)
            {
                _topK[i] = topKLength is null ? Options.TopK : topKLength.DataPointer[i];
                _extraTopK[i] = extraTopKLength is null
                    ? Options.ExtraTopK
                    : extraTopKLength.DataPointer[i];
                _lengths[i] = MlaSchedule.SparseLength(
                    _topK[i],
                    Options.ExtraTopK > 0 ? _extraTopK[i] : null
                );
            }
            Schedule(null);
        }
        finally
        {
            Leave();
        }
        GC.KeepAlive(topKLength);
        GC.KeepAlive(extraTopKLength);
    }

    /// <summary>Tells whether a dense decode call with these arguments fits the plan, without running it.</summary>
    /// <param name="q">Queries.</param>
    /// <param name="cache">The cache.</param>
    /// <param name="cacheSeqlens">Lengths.</param>
    /// <param name="reason">What does not fit; null if everything does.</param>
    /// <exception cref="ArgumentException">The lengths are no contiguous vector, or not on the plan's device.</exception>
    public bool IsCompatible(Tensor q, KvBlocks cache, Tensor<int> cacheSeqlens, out string? reason)
    {
        ArgumentCheck.Alive(q);
        ArgumentCheck.Alive(cache.Data, nameof(cache));
        ArgumentCheck.Alive(cacheSeqlens);
        ArgumentCheck.Rank(cacheSeqlens, 1, "[b]", nameof(cacheSeqlens));
        ArgumentCheck.LastAxisContiguous(cacheSeqlens, nameof(cacheSeqlens));
        ArgumentCheck.OnDevice(cacheSeqlens, Device, nameof(cacheSeqlens));
        ObjectDisposedException.ThrowIf(_disposed, this);
        reason =
            (IsSparse ? $"plan: it is for sparse decode (TopK is {Options.TopK})" : null)
            ?? Mismatch(q, cache)
            ?? (Device.IsCpu ? StaleLengths(cacheSeqlens) : StaleDeviceLengths(cacheSeqlens));
        return reason is null;
    }

    /// <summary>Frees the workspace; a call that is using it finishes first, on its own thread, and frees it then.</summary>
    public void Dispose()
    {
        Volatile.Write(ref _disposed, true);
        FreeIfIdle();
        GC.SuppressFinalize(this);
    }

    /// <summary>Row sets of partial results; 0 if no request is split.</summary>
    internal int SplitSets { get; private set; }

    internal long TotalTokens { get; private set; }

    internal void Enter()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (Interlocked.CompareExchange(ref _busy, 1, 0) != 0)
            throw new InvalidOperationException(
                "The plan is in use by another call; create one plan per concurrent caller."
            );
        if (Volatile.Read(ref _disposed))
        {
            Leave();
            throw new ObjectDisposedException(nameof(MlaDecodePlan));
        }
    }

    internal void Leave()
    {
        // A full fence: either this thread sees the disposal below, or the disposing thread sees the plan idle.
        Interlocked.Exchange(ref _busy, 0);
        if (Volatile.Read(ref _disposed))
            FreeIfIdle();
    }

    private void FreeIfIdle()
    {
        if (Interlocked.CompareExchange(ref _busy, 1, 0) != 0)
            return;
        Free();
        _buffers?.Dispose();
        Volatile.Write(ref _busy, 0);
    }

    internal string? StaleSparse(Tensor<int>? lengths, bool extra)
    {
        if (!_updated)
            return "plan: it was never updated; call UpdateSparse first";
        var planned = (extra ? _extraTopK : _topK).AsSpan(0, Batch);
        if (lengths is null)
            return planned.ContainsAnyExcept(extra ? Options.ExtraTopK : Options.TopK)
                ? "lengths: the plan was updated with lengths, but the scope has none"
                : null;
        return new ReadOnlySpan<int>(lengths.DataPointer, Batch).SequenceEqual(planned)
            ? null
            : "lengths: they changed since the plan was updated; call UpdateSparse again";
    }

    internal static void CheckLengths(Tensor<int>? lengths, long batch, int most, string name)
    {
        if (lengths is null)
            return;
        ArgumentCheck.Alive(lengths, name);
        ArgumentCheck.Shape(lengths, [batch], name);
        ArgumentCheck.LastAxisContiguous(lengths, name);
        ArgumentCheck.OnCpu(lengths, name);
        for (var i = 0; i < batch; i++)
            if (lengths.DataPointer[i] < 0 || lengths.DataPointer[i] > most)
                throw new ArgumentException(
                    $"{name}[{i}]: expected a value in [0,{most}], got {lengths.DataPointer[i]}",
                    name
                );
    }

    internal void RequireKind(bool sparse)
    {
        if (sparse != IsSparse)
            throw new InvalidOperationException(
                sparse
                    ? "The plan is for dense decode (TopK is 0)."
                    : $"The plan is for sparse decode (TopK is {Options.TopK})."
            );
    }

    internal string? Mismatch(Tensor q, in KvBlocks cache)
    {
        var shape = Options.Shape;
        if (
            q.Rank != 4
            || q.Shape[1] != Options.QueryTokens
            || q.Shape[2] != shape.QueryHeads
            || q.Shape[3] != shape.HeadDim
        )
            return $"q: the plan expects [b,{Options.QueryTokens},{shape.QueryHeads},{shape.HeadDim}], got {q.Shape}";
        if (cache.Format != Options.Format)
            return $"cache: the plan expects format {Options.Format}, got {cache.Format}";
        if (cache.PageSize != Options.PageSize)
            return $"cache: the plan expects a page size of {Options.PageSize}, got {cache.PageSize}";
        if (cache.KvHeads != shape.KvHeads || cache.HeadDim != shape.HeadDim)
            return $"cache: the plan expects {shape.KvHeads} KV heads of {shape.HeadDim}, got {cache.KvHeads} of {cache.HeadDim}";
        return null;
    }

    internal string? StaleLengths(Tensor<int> cacheSeqlens)
    {
        if (!_updated)
            return "cacheSeqlens: the plan was never updated; call Update first";
        if (cacheSeqlens.ElementCount != Batch)
            return $"cacheSeqlens: the plan was updated for {Batch} requests, got {cacheSeqlens.Shape}";
        var lengths = new ReadOnlySpan<int>(cacheSeqlens.DataPointer, Batch);
        return lengths.SequenceEqual(_lengths.AsSpan(0, Batch))
            ? null
            : "cacheSeqlens: the lengths changed since the plan was updated; call Update again";
    }

    internal int* LengthPointer => (int*)Unsafe.AsPointer(ref _lengths[0]);

    internal int* TopKPointer => (int*)Unsafe.AsPointer(ref _topK[0]);

    internal int* ExtraTopKPointer => (int*)Unsafe.AsPointer(ref _extraTopK[0]);

    internal void Fill(ref DecodeArguments arguments)
    {
        arguments.Parts = (MlaPartRecord*)Unsafe.AsPointer(ref _parts[0]);
        arguments.SplitBase = (int*)Unsafe.AsPointer(ref _splitBase[0]);
        arguments.SplitOffsets = (int*)Unsafe.AsPointer(ref _splitOffsets[0]);
        arguments.OutAccumulator = _outAccumulator;
        arguments.LseAccumulator = _lseAccumulator;
        arguments.PartCount = PartCount;
        arguments.Batch = Batch;
    }

    private void Schedule(CudaStream? stream)
    {
        // Whatever fails below, memory that could not be had for instance, no call may use half a schedule.
        _updated = false;
        var lengths = _lengths.AsSpan(0, Batch);
        TotalTokens = 0;
        foreach (var length in lengths)
            TotalTokens += length;
        if (Options.SplitPolicy == SplitPolicy.Balanced)
        {
            PartCount = _balancedParts;
            MlaSchedule.Compute(
                lengths,
                Device.IsCpu ? OverheadBlocks : CudaOverheadBlocks,
                _parts.AsSpan(0, PartCount),
                _splitOffsets
            );
        }
        else
            PlanFixedSplits(lengths);
        AssignSets();
        if (stream is null)
            ReserveAccumulators();
        else
            Upload(stream);
        _updated = true;
    }

    private void PlanFixedSplits(ReadOnlySpan<int> lengths)
    {
        var size =
            Options.SplitPolicy == SplitPolicy.NoSplit
                ? int.MaxValue
                : Options.FixedSplitSize / MlaSchedule.BlockTokens;
        long count = 0;
        foreach (var length in lengths)
            count += (MlaSchedule.DenseBlocks(length) + (long)size - 1) / size;
        if (count > _parts.Length)
            _parts = GC.AllocateArray<MlaPartRecord>(checked((int)(count * 2)), pinned: true);
        PartCount = (int)count;
        var part = 0;
        _splitOffsets[0] = 0;
        for (var i = 0; i < lengths.Length; i++)
        {
            var blocks = MlaSchedule.BlocksOrZero(lengths[i]);
            var isSplit = blocks > size ? 1 : 0;
            var split = 0;
            do
            {
                var begin = split * size;
                var end = Math.Min(blocks, (long)begin + size);
                _parts[part++] = new MlaPartRecord(i, i, begin, (int)end, split, isSplit, isSplit);
                split++;
            } while ((long)split * size < blocks);
            _splitOffsets[i + 1] = _splitOffsets[i] + split;
        }
    }

    /// <summary>Only split requests need accumulators, so those get consecutive row sets.</summary>
    private void AssignSets()
    {
        var sets = 0;
        for (var i = 0; i < Batch; i++)
        {
            var splits = _splitOffsets[i + 1] - _splitOffsets[i];
            _splitBase[i] = sets;
            if (splits > 1)
                sets += splits;
        }
        SplitSets = sets;
    }

    private void ReserveAccumulators()
    {
        var rows = (long)SplitSets * Options.QueryTokens * Options.Shape.QueryHeads;
        if (rows <= _accumulatorRows)
            return;
        Free();
        _outAccumulator = (float*)
            NativeMemory.AlignedAlloc(
                checked((nuint)(rows * Options.Shape.ValueDim * sizeof(float))),
                64
            );
        _lseAccumulator = (float*)
            NativeMemory.AlignedAlloc(checked((nuint)(rows * sizeof(float))), 64);
        _accumulatorRows = rows;
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_outAccumulator);
        NativeMemory.AlignedFree(_lseAccumulator);
        _outAccumulator = null;
        _lseAccumulator = null;
        _accumulatorRows = 0;
    }
}
