// SPDX-License-Identifier: MIT
using EndToEnd.Checks;

namespace EndToEnd.Inference.Agreement;

/// <summary>How far decode is from prefill, and what follows from that; docs/numerics.md derives the limits.</summary>
internal sealed record AgreementResult
{
    /// <summary>Unit roundoff of BFloat16: the largest relative error of one rounding.</summary>
    private const double Bf16Roundoff = 1.0 / 256;

    /// <summary>Unit roundoff of E4M3: where the order of float32 sums moves a value to the next code, one code changes.</summary>
    private const double Fp8Roundoff = 1.0 / 16;

    /// <summary>
    /// Root mean square: decode rounds to BFloat16 what prefill does not, the absorbed query, the rotary key and the attended
    /// latent.
    /// </summary>
    private static readonly double s_attentionLimit = Math.Sqrt(3) * Bf16Roundoff;

    /// <summary>The same: each expert's result and their sum.</summary>
    private static readonly double s_expertsLimit = Math.Sqrt(2) * Bf16Roundoff;

    /// <summary>What MLA decode may differ from exact attention on the same cache: the tolerance of the kernel itself.</summary>
    private const double KernelTolerance = 5e-6;

    /// <summary>256 float32 terms, summed in any order.</summary>
    private const double ProductsLimit = 256 / (double)(1 << 24);

    /// <summary>Gaps beyond this many standard deviations are no near ties.</summary>
    private const double TieLimit = 5;

    public required int Tokens { get; init; }
    public required int WrongInputs { get; init; }
    public required StepError Attention { get; init; }

    /// <summary>The same over all tokens of the worst layer, in the measure of the kernel's own tolerance.</summary>
    public required double AttentionDifference { get; init; }

    public required double Products { get; init; }
    public required int WrongChoices { get; init; }
    public required StepError Experts { get; init; }

    /// <summary>Root mean square over tokens of the relative error of prefill's logits against float64.</summary>
    public required double PrefillNoise { get; init; }

    /// <summary>The same of the distance between decode's and prefill's logits, through the same experts.</summary>
    public required double Replayed { get; init; }

    /// <summary>The same, each through the experts it chose itself.</summary>
    public required double Free { get; init; }

    public required int Choices { get; init; }

    public required int Changed { get; init; }

    /// <summary>As many choices would change if the rounding of both were independent.</summary>
    public required double ExpectedChanges { get; init; }

    /// <summary>The widest gap that was overcome, in standard deviations; 0 if none was.</summary>
    public required double WidestGap { get; init; }

    /// <summary>Three standard deviations above the expected number, which is a sum of rare events.</summary>
    public double ChangesLimit => ExpectedChanges + 3 * Math.Sqrt(ExpectedChanges) + 1;

    /// <summary>Two independent roundings of the same size are this far apart.</summary>
    public double ReplayedLimit => Math.Sqrt(2) * PrefillNoise;

    public static AgreementResult Create(
        IReadOnlyList<(AgreementCheck.RankResult Rank, RoundingNoise Noise)> ranks
    )
    {
        double Logits(Func<AgreementCheck.RankResult, ChoiceProbe> probe) =>
            Distance.Rms(
                ranks.SelectMany(r =>
                    probe(r.Rank)
                        .Logits.Select(l => Distance.Relative(l.Value, r.Rank.Trace.Logits[l.Key]))
                )
            );
        var gaps = ranks.SelectMany(r => r.Rank.Replayed.Changed.Select(r.Noise.Deviations));
        return new AgreementResult
        {
            Tokens = ranks.Sum(r => r.Rank.Steps.Steps),
            WrongInputs = ranks.Sum(r => r.Rank.Steps.WrongInputs),
            Attention = StepError.Of(ranks.Select(r => r.Rank.Steps.Attention)),
            AttentionDifference = Enumerable
                .Range(0, ranks[0].Rank.Steps.AttentionDifference.Length)
                .Max(l =>
                    Difference.Sum(ranks.Select(r => r.Rank.Steps.AttentionDifference[l])).Value
                ),
            Products = ranks.Max(r => r.Rank.Steps.Products),
            WrongChoices = ranks.Sum(r => r.Rank.Steps.WrongChoices),
            Experts = StepError.Of(ranks.Select(r => r.Rank.Steps.Experts)),
            PrefillNoise = Distance.Rms(ranks.SelectMany(r => r.Noise.Logits)),
            Replayed = Logits(r => r.Replayed),
            Free = Logits(r => r.Free),
            Choices = ranks.Sum(r => r.Rank.Replayed.Choices),
            Changed = ranks.Sum(r => r.Rank.Replayed.Changed.Count),
            ExpectedChanges = ranks.Sum(r => r.Noise.ExpectedChanges(r.Rank.Rows)),
            WidestGap = gaps.DefaultIfEmpty(0).Max(),
        };
    }

    public void AddTo(Verdicts verdicts)
    {
        verdicts.Add(
            "Each half layer of decode repeats prefill on the same inputs",
            WrongInputs == 0
                && Attention.Typical <= s_attentionLimit
                && Attention.Worst <= Fp8Roundoff
                && AttentionDifference <= KernelTolerance
                && Products <= ProductsLimit
                && WrongChoices == 0
                && Experts.Typical <= s_expertsLimit
                && Experts.Worst <= Fp8Roundoff,
            FormattableString.Invariant(
                $"relative error over {Tokens} tokens, worst layer: absorbed attention on the FP8 cache {Attention.Typical:0.0e+00} (limit {s_attentionLimit:0.0e+00}, three BF16 roundings), difference {AttentionDifference:0.0e+00} (limit {KernelTolerance:0.0e+00}, the tolerance of MLA decode), experts {Experts.Typical:0.0e+00} (limit {s_expertsLimit:0.0e+00}, two); worst token {Math.Max(Attention.Worst, Experts.Worst):0.0e+00} (limit {Fp8Roundoff:0.0e+00}, an FP8 code); output projection and head {Products:0.0e+00} (limit {ProductsLimit:0.0e+00}, order of float32 sums); {WrongInputs} embeddings and {WrongChoices} choices of experts differ"
            )
        );
        verdicts.Add(
            "Prefill and decode logits agree through the same experts",
            PrefillNoise <= Fp8Roundoff && Replayed <= ReplayedLimit,
            FormattableString.Invariant(
                $"relative distance {Replayed:0.0000} over {Tokens} decoded tokens (limit {ReplayedLimit:0.0000}: what independent FP8 rounding would give, as prefill is {PrefillNoise:0.0000} from a float64 model with the same weights and experts; that may be {Fp8Roundoff:0.0000}, an FP8 code)"
            )
        );
        verdicts.Add(
            "Decode chooses other experts than prefill only where they are nearly equal",
            Changed <= ChangesLimit && WidestGap <= TieLimit,
            FormattableString.Invariant(
                $"{Changed} of {Choices} choices (independent rounding would change {ExpectedChanges:0.0}, limit {ChangesLimit:0.0}), the widest at a gap of {WidestGap:0.0} standard deviations of that rounding (limit {TieLimit}); through its own experts decode's logits are {Free:0.0000} from prefill's"
            )
        );
    }
}
