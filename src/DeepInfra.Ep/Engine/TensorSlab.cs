// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep.Engine;

/// <summary>
/// Reusable memory for one output tensor whose number of rows changes from call to call. Memory is allocated
/// anew only to grow; the tensor object only when the number of rows differs from the last call's.
/// </summary>
internal sealed class TensorSlab : IDisposable
{
    private Tensor? _full;
    private bool _columnMajor;

    /// <summary>The tensor of the present call; null if the call has none.</summary>
    public Tensor? Current { get; private set; }

    private Tensor? View { get; set; }

    public void SetNone() => Current = null;

    /// <summary>Uses a row-major tensor [rows, columns], contents undefined.</summary>
    public Tensor Use(DType dtype, long rows, long columns)
    {
        if (
            _full is null
            || _columnMajor
            || _full.DType != dtype
            || _full.Rank != 2
            || _full.Shape[1] != columns
            || _full.Shape[0] < rows
        )
            Replace(dtype, [Grown(rows), columns], columnMajor: false);
        if (View is null || View.Shape[0] != rows)
            View = _full!.AsSlice(0, 0, rows);
        return Current = View;
    }

    /// <summary>Uses a tensor [rows, columns] whose columns lie a multiple of four rows apart, contents undefined.</summary>
    public Tensor UseColumnMajor(DType dtype, long rows, long columns)
    {
        // The distance of columns depends on the number of rows, so the memory is not shared between sizes.
        var padded = (rows + 3) / 4 * 4;
        if (
            _full is null
            || !_columnMajor
            || _full.DType != dtype
            || _full.Shape[0] != columns
            || _full.Shape[1] != padded
        )
            Replace(dtype, [columns, padded], columnMajor: true);
        if (View is null || View.Shape[0] != rows)
            View = _full!.AsSlice(1, 0, rows).AsTransposed(0, 1);
        return Current = View;
    }

    /// <summary>Uses a tensor [rows], contents undefined.</summary>
    public Tensor Use(DType dtype, long rows)
    {
        if (
            _full is null
            || _columnMajor
            || _full.DType != dtype
            || _full.Rank != 1
            || _full.Shape[0] < rows
        )
            Replace(dtype, [Grown(rows)], columnMajor: false);
        if (View is null || View.Shape[0] != rows)
            View = _full!.AsSlice(0, 0, rows);
        return Current = View;
    }

    public void Dispose()
    {
        _full?.Dispose();
        _full = null;
        View = null;
        Current = null;
    }

    // An eighth more than asked, because the next call's tokens rarely route to exactly as many rows.
    private static long Grown(long rows) => Math.Max(1, rows + rows / 8);

    private void Replace(DType dtype, Shape shape, bool columnMajor)
    {
        // Pooled memory outlives the scope of the call that needed it first.
        using var suspended = TensorScope.Suspend();
        var full = Tensor.Create(dtype, shape, zeroed: false);
        _full?.Dispose();
        _full = full;
        _columnMajor = columnMajor;
        View = null;
    }
}
