// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Ep;
using FluentAssertions;

namespace DeepInfra.Conformance.Ep;

/// <summary>Random rows and routing of all ranks.</summary>
public static class EpData
{
    public static Tensor RandomRows(DType dtype, long tokens, long hidden, int seed)
    {
        var random = new Random(seed);
        switch (dtype)
        {
            case DType.Float32:
                return Fill<float>(tokens, hidden, () => random.NextSingle() * 2 - 1);
            case DType.Float16:
                return Fill<Half>(tokens, hidden, () => (Half)(random.NextSingle() * 2 - 1));
            case DType.Float8E4M3:
                // Every code but the two NaN codes.
                return Fill<Float8E4M3>(
                    tokens,
                    hidden,
                    () => Float8E4M3.FromBits((byte)(random.Next(127) | random.Next(2) << 7))
                );
            default:
                return Fill<BFloat16>(
                    tokens,
                    hidden,
                    () => (BFloat16)(random.NextSingle() * 2 - 1)
                );
        }
    }

    public static DispatchInput[] RandomInputs(
        int[] tokens,
        DType dtype,
        long hidden,
        int experts,
        int topK,
        int seed,
        double missing = 0,
        double skew = 0
    )
    {
        var inputs = new DispatchInput[tokens.Length];
        for (var rank = 0; rank < tokens.Length; rank++)
        {
            var (topkIdx, topkWeights) = new RoutingGenerator(experts, topK, seed + rank)
            {
                MissingRatio = missing,
                Skew = skew,
            }.Next(tokens[rank]);
            inputs[rank] = new DispatchInput(
                RandomRows(dtype, tokens[rank], hidden, seed + 100 + rank),
                topkIdx,
                topkWeights
            )
            {
                Experts = experts,
            };
        }
        return inputs;
    }

    /// <summary>The bytes of a tensor in row-major order.</summary>
    public static unsafe byte[] Bytes(Tensor tensor)
    {
        var size = DTypes.SizeInBytes(tensor.DType);
        var result = new byte[tensor.ElementCount * size];
        var columns = tensor.Rank == 2 ? tensor.Shape[1] : 1;
        var rows = tensor.Shape[0];
        var data = (byte*)tensor.DataPointer;
        for (long row = 0; row < rows; row++)
        for (long column = 0; column < columns; column++)
        {
            var offset =
                row * tensor.Strides[0] + (tensor.Rank == 2 ? column * tensor.Strides[1] : 0);
            new ReadOnlySpan<byte>(data + offset * size, size).CopyTo(
                result.AsSpan((int)((row * columns + column) * size))
            );
        }
        GC.KeepAlive(tensor);
        return result;
    }

    /// <summary>Fails at the first byte that differs.</summary>
    public static void RequireSameBytes(Tensor actual, Tensor expected)
    {
        (actual.Shape == expected.Shape).Should().BeTrue($"{actual} has the shape of {expected}");
        var (left, right) = (Bytes(actual), Bytes(expected));
        left.AsSpan().CommonPrefixLength(right).Should().Be(right.Length);
    }

    private static Tensor<T> Fill<T>(long tokens, long hidden, Func<T> next)
        where T : unmanaged
    {
        var tensor = Tensor<T>.Create([tokens, hidden]);
        foreach (ref var value in tensor.AsSpan())
            value = next();
        return tensor;
    }
}
