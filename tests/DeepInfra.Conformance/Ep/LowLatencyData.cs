// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Ep;
using FluentAssertions;

namespace DeepInfra.Conformance.Ep;

/// <summary>Rows, routing and expert outputs of all ranks for low-latency tests.</summary>
public sealed class LowLatencyData
{
    public required LowLatencyBufferOptions BufferOptions { get; init; }

    public required Tensor<BFloat16>[] X { get; init; }

    public required Tensor<long>[] TopkIdx { get; init; }

    public required Tensor<float>[] TopkWeights { get; init; }

    /// <summary>[L, R·M, H] per rank.</summary>
    public required Tensor<BFloat16>[] ExpertRows { get; init; }

    public static LowLatencyData Create(
        int ranks,
        int tokens,
        int hidden,
        int experts,
        int topK,
        int seed
    )
    {
        var x = new Tensor<BFloat16>[ranks];
        var topkIdx = new Tensor<long>[ranks];
        var topkWeights = new Tensor<float>[ranks];
        var expertRows = new Tensor<BFloat16>[ranks];
        for (var rank = 0; rank < ranks; rank++)
        {
            // One rank has nothing to send, if there are enough of them.
            var count = ranks > 2 && rank == 1 ? 0 : Math.Max(1, tokens - rank);
            x[rank] = EpData
                .RandomRows(DType.BFloat16, count, hidden, seed * 100 + rank)
                .As<BFloat16>();
            (topkIdx[rank], topkWeights[rank]) = new RoutingGenerator(experts, topK, seed + rank)
            {
                MissingRatio = 0.1,
            }.Next(count);
            expertRows[rank] = EpData
                .RandomRows(DType.BFloat16, experts * (long)tokens, hidden, seed * 100 + 50 + rank)
                .As<BFloat16>()
                .AsReshaped([experts / ranks, (long)ranks * tokens, hidden]);
        }
        return new LowLatencyData
        {
            BufferOptions = new LowLatencyBufferOptions
            {
                MaxTokensPerRank = tokens,
                Hidden = hidden,
                Experts = experts,
            },
            X = x,
            TopkIdx = topkIdx,
            TopkWeights = topkWeights,
            ExpertRows = expertRows,
        };
    }

    /// <summary>Compares what a rank received with the reference, bit by bit.</summary>
    public static void CheckReceived(
        LowLatencyDispatchResult received,
        IReadOnlyList<IReadOnlyList<(int Rank, int Token)>> layout,
        LowLatencyData data,
        LowLatencyFormat format
    )
    {
        received.Count.ToArray().Should().Equal(layout.Select(rows => rows.Count));
        for (var expert = 0; expert < layout.Count; expert++)
        {
            for (var rank = 0; rank < data.X.Length; rank++)
            {
                var range = received.Handle.LayoutRange[expert, rank];
                ((int)range).Should().Be(layout[expert].Count(source => source.Rank == rank));
                if ((int)range > 0)
                    layout[expert][(int)(range >> 32)].Rank.Should().Be(rank);
            }
            for (var row = 0; row < layout[expert].Count; row++)
            {
                var (rank, token) = layout[expert][row];
                received.Handle.SourceInfo[expert, row].Should().Be(token);
                var source = data.X[rank].AsSelected(0, token).AsSpan();
                CheckRow(received, expert, row, source, format);
            }
        }
    }

    private static void CheckRow(
        LowLatencyDispatchResult received,
        int expert,
        int row,
        ReadOnlySpan<BFloat16> source,
        LowLatencyFormat format
    )
    {
        if (format == LowLatencyFormat.Bf16)
        {
            received
                .X.As<BFloat16>()
                .AsSelected(0, expert)
                .AsSelected(0, row)
                .AsSpan()
                .SequenceEqual(source)
                .Should()
                .BeTrue();
            return;
        }
        var (codes, scales) = ReferenceExpertParallel.QuantizeRow(
            source,
            powerOfTwo: format != LowLatencyFormat.Fp8
        );
        received
            .X.As<Float8E4M3>()
            .AsSelected(0, expert)
            .AsSelected(0, row)
            .AsSpan()
            .SequenceEqual(codes)
            .Should()
            .BeTrue();
        for (var group = 0; group < scales.Length; group++)
        {
            if (format == LowLatencyFormat.Fp8Ue8m0)
                ((received.Scales!.As<int>()[expert, row, group / 4] >> (group % 4 * 8)) & 0xFF)
                    .Should()
                    .Be((int)(BitConverter.SingleToUInt32Bits(scales[group]) >> 23));
            else
                received.Scales!.As<float>()[expert, row, group].Should().Be(scales[group]);
        }
    }
}
