// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using DeepInfra.Core;
using DeepInfra.Ep;
using DeepInfra.FlashMla;
using DeepInfra.Gemm;
using EndToEnd.Checks;
using EndToEnd.Inference;
using EndToEnd.Inference.Agreement;
using EndToEnd.Model;

namespace DeepInfra.EndToEnd.Tests;

/// <summary>
/// The comparison of prefill and decode must pass for any weights and must fail for each way in which decode can be wrong.
/// Untrained weights: every router is undecided, attention looks everywhere.
/// </summary>
[Collection("live tensors")]
public sealed class DecodeAgreementTests : IDisposable
{
    private const string Steps = "Each half layer of decode repeats prefill on the same inputs";
    private const string Logits = "Prefill and decode logits agree through the same experts";

    private const string Choices =
        "Decode chooses other experts than prefill only where they are nearly equal";

    private readonly ModelConfig _config = new();
    private ServingRanks? _serving;

    public void Dispose()
    {
        _serving?.Dispose();
        Arena.DrainPool();
    }

    [Theory]
    [InlineData(4)]
    [InlineData(7)]
    public void Run_NoDefect_Passes(int seed)
    {
        var verdicts = Run(Serve(seed), seed);

        verdicts.Should().HaveCount(3).And.OnlyContain(v => v.Passed);
    }

    [Fact]
    public void Run_NoDefect_DisposesEveryTensor()
    {
        // Pools of threads fill in the first run.
        RunAndDispose();
        var before = Live();

        RunAndDispose();

        Live().Should().Be(before);

        void RunAndDispose()
        {
            Run(Serve(7), 7);
            _serving!.Dispose();
            _serving = null;
        }

        static long Live()
        {
            Arena.DrainPool();
            ThreadScratch<float>.Drain();
            ThreadScratch<BFloat16>.Drain();
            ThreadScratch<Float8E4M3>.Drain();
            return TensorMemory.LiveCount;
        }
    }

    [Fact]
    public void Run_PositionsOffByOne_Fails()
    {
        var serving = Serve(7);
        Replace(serving, new ShiftedAttention(_config, serving.Layers));

        Failed(Run(serving, 7)).Should().Contain(Steps);
    }

    [Fact]
    public void Run_ResultsOfTwoSequencesExchanged_Fails()
    {
        var serving = Serve(7);
        Replace(serving, new ExchangedAttention(_config, serving.Layers));

        Failed(Run(serving, 7)).Should().Contain([Steps, Logits]);
    }

    [Fact]
    public void Run_OneForeignKvBlock_Fails()
    {
        var serving = Serve(7);
        Replace(serving, new ForeignBlockAttention(_config, serving.Layers));

        Failed(Run(serving, 7)).Should().Contain(Steps);
    }

    [Fact]
    public void Run_OneDoubledKvScale_Fails()
    {
        var serving = Serve(7);
        Replace(serving, new DoubledScaleAttention(_config, serving.Layers));

        Failed(Run(serving, 7)).Should().Contain(Steps);
    }

    [Fact]
    public void Run_AttentionSixTenthsOfAPercentTooLarge_Fails()
    {
        var serving = Serve(7);
        Replace(serving, new EnlargedAttention(_config, serving.Layers));

        Failed(Run(serving, 7)).Should().Contain(Steps);
    }

    [Fact]
    public void Run_AbsorbedWeightsOfAnEarlierStep_Fails()
    {
        var serving = Serve(7);
        var up = serving
            .Layers[2]
            .Parameters.Parameters.First(p => p.Name == "attention.up")
            .Value.AsSpan();
        // A step of training: three percent of each weight.
        var random = new Random(1);
        foreach (ref var weight in up)
            weight *= 1 + 0.03f * (random.Next(2) * 2 - 1);
        serving.Layers[2].Refresh();

        Failed(Run(serving, 7)).Should().Contain(Steps);
    }

    [Theory]
    [InlineData(Defect.SwappedWeights)]
    [InlineData(Defect.WeightTwoPercentOff)]
    [InlineData(Defect.DoubledScale)]
    [InlineData(Defect.OtherExpert)]
    public void Run_DefectOfTheExperts_Fails(Defect defect)
    {
        var serving = Serve(7);
        for (var r = 0; r < serving.Decoders.Length; r++)
            serving.Decoders[r].Experts = new DefectiveExperts(
                _config,
                serving.Decoders[r].LowLatency,
                r,
                defect
            );

        var failed = Failed(Run(serving, 7)).ToList();

        failed.Should().Contain(Steps);
        if (defect == Defect.OtherExpert)
            failed.Should().Contain(Choices);
    }

    public enum Defect
    {
        SwappedWeights,
        WeightTwoPercentOff,
        DoubledScale,
        OtherExpert,
    }

    private ServingRanks Serve(int seed)
    {
        _serving = new ServingRanks(_config, seed);
        _serving.Refresh();
        return _serving;
    }

    private IReadOnlyList<Verdict> Run(ServingRanks serving, int seed)
    {
        var random = new Random(seed);
        int[] Prompt() => [.. Enumerable.Range(0, 48).Select(_ => random.Next(_config.Vocabulary))];
        int[][][] prompts =
        [
            [Prompt(), Prompt()],
            [Prompt(), Prompt()],
        ];
        var verdicts = new Verdicts();
        new AgreementCheck(_config, serving).Run(prompts).AddTo(verdicts);
        return verdicts.All;
    }

    private static IEnumerable<string> Failed(IEnumerable<Verdict> verdicts) =>
        verdicts.Where(v => !v.Passed).Select(v => v.Claim);

    private static void Replace(ServingRanks serving, AbsorbedAttention attention)
    {
        // On one rank only.
        serving.Decoders[1].Attention.Dispose();
        serving.Decoders[1].Attention = attention;
    }

    private sealed class ShiftedAttention(
        ModelConfig config,
        IReadOnlyList<TransformerLayer> layers
    ) : AbsorbedAttention(config, layers)
    {
        public override Tensor<float> Run(
            Arena arena,
            int layer,
            Tensor<float> x,
            ReadOnlySpan<int> positions,
            PagedMlaKvCache cache,
            BlockTableBuilder table,
            MlaDecodePlan plan
        )
        {
            var shifted = positions.ToArray();
            for (var i = 0; i < shifted.Length; i++)
                shifted[i]++;
            return base.Run(arena, layer, x, shifted, cache, table, plan);
        }
    }

    private sealed class ExchangedAttention(
        ModelConfig config,
        IReadOnlyList<TransformerLayer> layers
    ) : AbsorbedAttention(config, layers)
    {
        public override Tensor<float> Run(
            Arena arena,
            int layer,
            Tensor<float> x,
            ReadOnlySpan<int> positions,
            PagedMlaKvCache cache,
            BlockTableBuilder table,
            MlaDecodePlan plan
        )
        {
            var values = base.Run(arena, layer, x, positions, cache, table, plan).AsView();
            var exchanged = arena.Rent(2, values.Row(0).Length);
            values.Row(0).CopyTo(exchanged.AsView().Row(1));
            values.Row(1).CopyTo(exchanged.AsView().Row(0));
            return exchanged;
        }
    }

    /// <summary>Less than the roundings may add up to, more than the kernel may.</summary>
    private sealed class EnlargedAttention(
        ModelConfig config,
        IReadOnlyList<TransformerLayer> layers
    ) : AbsorbedAttention(config, layers)
    {
        public override Tensor<float> Run(
            Arena arena,
            int layer,
            Tensor<float> x,
            ReadOnlySpan<int> positions,
            PagedMlaKvCache cache,
            BlockTableBuilder table,
            MlaDecodePlan plan
        )
        {
            var values = base.Run(arena, layer, x, positions, cache, table, plan);
            foreach (ref var value in values.AsSpan())
                value *= 1.006f;
            return values;
        }
    }

    /// <summary>The first block of the second sequence is taken for that of the first.</summary>
    private sealed class ForeignBlockAttention(
        ModelConfig config,
        IReadOnlyList<TransformerLayer> layers
    ) : AbsorbedAttention(config, layers)
    {
        public override Tensor<float> Run(
            Arena arena,
            int layer,
            Tensor<float> x,
            ReadOnlySpan<int> positions,
            PagedMlaKvCache cache,
            BlockTableBuilder table,
            MlaDecodePlan plan
        )
        {
            table.BlockTable[0, 0] = table.BlockTable[1, 0];
            return base.Run(arena, layer, x, positions, cache, table, plan);
        }
    }

    /// <summary>One of four scales of one cached token of one layer is twice what it should be.</summary>
    private sealed class DoubledScaleAttention(
        ModelConfig config,
        IReadOnlyList<TransformerLayer> layers
    ) : AbsorbedAttention(config, layers)
    {
        public override Tensor<float> Run(
            Arena arena,
            int layer,
            Tensor<float> x,
            ReadOnlySpan<int> positions,
            PagedMlaKvCache cache,
            BlockTableBuilder table,
            MlaDecodePlan plan
        )
        {
            var block = table.BlockTable[0, 0];
            if (layer == 1 && positions[0] == 24)
            {
                var bytes = new byte[cache.BlockBytes];
                cache.ExportBlock(layer, block, bytes);
                // 512 codes, then the scales.
                var scale = bytes.AsSpan(512, sizeof(float));
                BinaryPrimitives.WriteSingleLittleEndian(
                    scale,
                    2 * BinaryPrimitives.ReadSingleLittleEndian(scale)
                );
                cache.ImportBlock(layer, block, bytes);
            }
            return base.Run(arena, layer, x, positions, cache, table, plan);
        }
    }

    private sealed class DefectiveExperts(
        ModelConfig config,
        LowLatencyBuffer buffer,
        int rank,
        Defect defect
    ) : DecodeExperts(config, buffer, rank)
    {
        protected override void Route(MoeBlock moe, Tensor<float> normed, RouterActivation routing)
        {
            base.Route(moe, normed, routing);
            for (var t = 0; t < routing.Tokens; t++)
            {
                var weights = routing.Weights.AsView().Row(t);
                var chosen = routing.Chosen.AsView().Row(t);
                if (defect == Defect.SwappedWeights)
                    (weights[0], weights[1]) = (weights[1], weights[0]);
                if (defect == Defect.WeightTwoPercentOff)
                    weights[0] *= 1.02f;
                if (defect == Defect.OtherExpert && t == 0)
                    chosen[1] = Enumerable
                        .Range(0, routing.ScoresOf(t).Length)
                        .Except(routing.ChosenBy(t))
                        .First();
            }
        }

        protected override ScaledTensor Received(LowLatencyDispatchResult dispatched)
        {
            var received = base.Received(dispatched);
            if (defect == Defect.DoubledScale)
                received.Scales.As<float>()[0, 0, 0] *= 2;
            return received;
        }
    }
}
