// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep;

/// <summary>
/// What one rank received in a low-latency dispatch: for each local expert e the first <see cref="Count"/>[e] rows
/// are valid, grouped by source rank ascending and by source token within a rank. The tensors belong to the
/// buffer's pool until the result is disposed.
/// </summary>
public sealed class LowLatencyDispatchResult : LowLatencyResult
{
    private Tensor? _x;
    private Tensor? _scales;
    private Tensor? _scaleMemory;
    private LowLatencyFormat? _allocatedFormat;

    internal LowLatencyDispatchResult(LowLatencyBuffer owner)
        : base(owner)
    {
        // Pooled memory outlives the scope of the call that needed it first.
        using var suspended = TensorScope.Suspend();
        Counts = Tensor<int>.Create([owner.LocalExperts]);
    }

    /// <summary>[L, R·M, H]: BFloat16 rows or Float8E4M3 codes.</summary>
    public Tensor X
    {
        get
        {
            RequireCompleted();
            return _x!;
        }
    }

    /// <summary>
    /// Float32 [L, R·M, H/128], or packed Int32 [L, R·M, H/512]; rows are the fast dimension in memory. Null for
    /// BFloat16 rows.
    /// </summary>
    public Tensor? Scales
    {
        get
        {
            RequireCompleted();
            return _scales;
        }
    }

    /// <summary>Int32 [L]: valid rows of each local expert.</summary>
    public Tensor<int> Count
    {
        get
        {
            RequireCompleted();
            return Counts;
        }
    }

    /// <summary>The routing, which combine needs; independent of this result's lifetime.</summary>
    public LowLatencyHandle Handle { get; internal set; } = null!;

    internal Tensor<int> Counts { get; }

    internal Tensor? Input { get; set; }

    internal Tensor? TopkIdx { get; set; }

    internal LowLatencyDispatchOptions Options { get; set; } = LowLatencyDispatchOptions.Default;

    /// <summary>Gives the result outputs of the right type.</summary>
    internal (Tensor X, Tensor? Scales) Outputs()
    {
        if (_allocatedFormat == Options.Format)
            return (_x!, _scales);
        Free(keepCounts: true);
        using var suspended = TensorScope.Suspend();
        var (hidden, experts) = (Owner.Options.Hidden, Owner.LocalExperts);
        var rows = (long)Owner.Group.Size * Owner.Options.MaxTokensPerRank;
        var isFp8 = Options.Format != LowLatencyFormat.Bf16;
        _x = Tensor.Create(
            isFp8 ? DType.Float8E4M3 : DType.BFloat16,
            [experts, rows, hidden],
            zeroed: false
        );
        if (isFp8)
        {
            var packed = Options.Format == LowLatencyFormat.Fp8Ue8m0;
            _scaleMemory = Tensor.Create(
                packed ? DType.Int32 : DType.Float32,
                [experts, hidden / (packed ? 512 : 128), rows],
                zeroed: false
            );
            _scales = _scaleMemory.AsTransposed();
        }
        _allocatedFormat = Options.Format;
        return (_x, _scales);
    }

    internal void Free(bool keepCounts = false)
    {
        _x?.Dispose();
        _scaleMemory?.Dispose();
        _x = _scales = _scaleMemory = null;
        _allocatedFormat = null;
        if (!keepCounts)
            Counts.Dispose();
    }

    internal override void Send() => Owner.SendDispatch(this);

    internal override void Receive() => Owner.ReceiveDispatch(this);

    private protected override void Release()
    {
        Input = TopkIdx = null;
        Options = LowLatencyDispatchOptions.Default;
        Owner.Recycle(this);
    }
}
