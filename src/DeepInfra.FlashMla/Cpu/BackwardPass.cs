// SPDX-License-Identifier: MIT
namespace DeepInfra.FlashMla.Cpu;

/// <summary>Which gradients a run over <see cref="PrefillBackwardWork{TSimd,TVector}"/> makes, and what an item is.</summary>
internal enum BackwardPass
{
    /// <summary>All of them; one item is (request, KV head).</summary>
    All,

    /// <summary>dK and dV; one item is (request, KV head, key tile).</summary>
    Keys,

    /// <summary>dQ; one item is (request, query head, query tile).</summary>
    Queries,
}
