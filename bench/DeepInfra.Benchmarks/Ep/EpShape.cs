// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using DeepInfra.Core;
using DeepInfra.Ep;

namespace DeepInfra.Benchmarks.Ep;

/// <summary>Shape of an exchange: tokens per rank, row length, selections per token, ranks, experts.</summary>
public sealed record EpShape(int Tokens, int Hidden, int TopK, int Ranks, int Experts)
{
    /// <summary>At most 20 characters, as tables show no more.</summary>
    public override string ToString() => $"{Tokens}x{Hidden} k{TopK} r{Ranks} e{Experts}";

    /// <summary>Random bits that are finite in BFloat16; an exchange does not look at them otherwise.</summary>
    internal Tensor<BFloat16> Rows(int rank)
    {
        var rows = Tensor<BFloat16>.Create([Tokens, Hidden], zeroed: false);
        var random = new Random(rank);
        foreach (ref var value in rows.AsSpan())
            value = BFloat16.FromBits((ushort)(0x3F00 + random.Next(0x100)));
        return rows;
    }

    /// <summary>FP8 codes and a scale per 128 channels.</summary>
    internal (Tensor<Float8E4M3> Codes, Tensor<float> Scales) Fp8Rows(int rank)
    {
        var codes = Tensor<Float8E4M3>.Create([Tokens, Hidden], zeroed: false);
        new Random(rank).NextBytes(MemoryMarshal.AsBytes(codes.AsSpan()));
        var scales = Tensor<float>.Create([Tokens, Hidden / 128]);
        scales.Fill(0.01f);
        return (codes, scales);
    }

    internal (Tensor<long> Idx, Tensor<float> Weights) Routing(int rank) =>
        new RoutingGenerator(Experts, TopK, rank).Next(Tokens);
}
