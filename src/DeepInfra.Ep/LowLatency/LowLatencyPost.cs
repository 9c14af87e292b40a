// SPDX-License-Identifier: MIT
using DeepInfra.Ep.Engine;

namespace DeepInfra.Ep.LowLatency;

/// <summary>
/// What one rank sends in one operation of a set, as its engine and, in one address space, its peers see it.
/// Unchanged from the sent signal until all peers have signalled that they consumed the set.
/// </summary>
internal sealed unsafe class LowLatencyPost
{
    public CallShape Shape;

    /// <summary>[E]: messages per expert.</summary>
    public int[] ExpertCount = [];

    /// <summary>[E+1]: start of each expert's part of <see cref="Tokens"/>.</summary>
    public int[] ExpertOffset = [];

    /// <summary>Tokens grouped by expert, ascending in each group.</summary>
    public int[] Tokens = [];

    /// <summary>Combine: [L,R], where the rows of each home rank begin; see <see cref="LowLatencyHandle.LayoutRange"/>.</summary>
    public long[] LayoutRange = [];

    /// <summary>The send area of the set.</summary>
    public byte* Rows;
}
