// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace DeepInfra.Ep.Engine;

/// <summary>The kind of call that a shape describes.</summary>
internal enum CallKind : long
{
    Dispatch = 1,
    CachedDispatch,
    Combine,
    Barrier,
    LowLatencyDispatch,
    LowLatencyCombine,
    Clean,
}

/// <summary>
/// What must agree between ranks in one collective call. It travels with the arrival signal, so ranks that call
/// different things all fail with a message instead of hanging or mixing up memory.
/// </summary>
internal readonly record struct CallShape(
    CallKind Kind,
    long Sequence,
    long DType,
    long RowBytes,
    long ScalePacks,
    long ScaleType,
    long TopK,
    long IndexType,
    long Experts,
    long MaxTokens,
    long Alignment,
    long WorstCase,
    long HasWeights,
    long HandleSequence,
    long Layout,
    long Reserved
)
{
    /// <summary>Size when it travels as bytes.</summary>
    public const int Bytes = 16 * sizeof(long);

    public override string ToString() =>
        $"{Kind} #{Sequence} ({(DType)DType} rows of {RowBytes} bytes, {ScalePacks} scale packs, K={TopK}, E={Experts}, M={MaxTokens}, alignment {Alignment}, worst case {WorstCase}, weights {HasWeights != 0}, handle #{HandleSequence})";
}
