// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla.Cpu;

/// <summary>The arguments of sparse attention before a SIMD tier is chosen; see <see cref="SparseWork{TSimd,TVector,TRows}"/>.</summary>
internal unsafe struct SparseRequest(
    DecodeArguments arguments,
    SparseList main,
    SparseList extra,
    bool hasExtra
)
{
    public DecodeArguments Arguments = arguments;
    public SparseList Main = main;
    public SparseList Extra = extra;
    public bool HasExtra = hasExtra;
    public float* MaxLogits;
    public float* IndexerLogSumExp;
    public int IndexerTopK;
}
