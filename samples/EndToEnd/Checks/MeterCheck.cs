// SPDX-License-Identifier: MIT
using EndToEnd.Inference;
using EndToEnd.Model;
using EndToEnd.Report;
using EndToEnd.Training;

namespace EndToEnd.Checks;

/// <summary>
/// Every phase must have gone through its package: what the packages' own counters say of the phase against the work that
/// the phase had. A phase that bypasses a package, or does part of its work elsewhere, fails.
/// </summary>
internal sealed class MeterCheck(RunFacts facts, Verdicts verdicts)
{
    private const string Dispatch = "deepinfra.ep.dispatch.calls/";
    private const string Combine = "deepinfra.ep.combine.calls/";
    private const string Gemm = "deepinfra.gemm.calls/";
    private const string Attention = "deepinfra.flashmla.calls/";

    public void Run(ModelConfig config)
    {
        var steps = facts.TrainingLoss.Count;
        // One call for every micro-batch on every layer and expert rank.
        var calls = (long)steps * TrainingFlow.MicroBatches * config.Layers * config.ExpertRanks;
        var decodes = (long)InferenceFlow.NewTokens * config.Layers * config.ExpertRanks;
        var prefills = (long)config.Layers * config.ExpertRanks;

        Check(
            "text preparation through Pond",
            Phases.Prepare,
            AtLeast("deepinfra.pond.tasks", facts.Funnel.Count),
            AtLeast("deepinfra.pond.rows", facts.Funnel.Sum(f => f.Documents)),
            AtLeast("deepinfra.fs.bytes_written/3fs", facts.ShardBytes)
        );
        Check(
            "training data by random reads of Fs",
            Phases.Train,
            AtLeast("deepinfra.fs.random_reads/3fs", facts.TrainedSequences)
        );
        Check(
            "training steps through DualPipe",
            Phases.Train,
            Exactly("deepinfra.dualpipe.steps", steps)
        );
        Check(
            "training attention through FlashMla",
            Phases.Train,
            Exactly(Attention + "prefill_forward", calls),
            Exactly(Attention + "prefill_backward", calls)
        );
        Check(
            "training exchange of expert rows through Ep, forward and backward",
            Phases.Train,
            Exactly(Dispatch + "throughput", 2 * calls),
            Exactly(Combine + "throughput", 2 * calls)
        );
        Check(
            "training products through Gemm",
            Phases.Train,
            // Forward and input gradient: four projections of attention and two of the shared expert; then the two of the
            // routed experts; then the weight gradients of all eight.
            Exactly(Gemm + "fp8_dense", 2 * (4 + 2) * calls),
            Exactly(Gemm + "fp8_m_grouped_contiguous", 2 * 2 * calls),
            Exactly(Gemm + "fp8_k_grouped", (4 + 2 + 2) * calls),
            // The head, on one layer only: forward and both gradients.
            Exactly(Gemm + "bf16_dense", 3 * calls / config.Layers)
        );
        Check(
            "checkpoint through Fs",
            Phases.Save,
            AtLeast("deepinfra.fs.bytes_written/3fs", facts.CheckpointBytes)
        );
        Check(
            "prefill through FlashMla, Ep and the KV cache",
            Phases.Prefill,
            Exactly(Attention + "prefill_forward", prefills),
            Exactly(Attention + "append", prefills),
            Exactly(Dispatch + "throughput", prefills)
        );
        Check(
            "KV blocks through the KV-cache store of Fs",
            Phases.Offload,
            AtLeast("deepinfra.fs.kv.bytes_put", facts.KvBytesOffloaded),
            AtLeast("deepinfra.fs.kv.bytes_fetched", facts.KvBytesFetched)
        );
        Check(
            "decode through FlashMla, Ep (low latency) and Gemm (masked)",
            Phases.Decode,
            // Greedy and sampled.
            Exactly(Attention + "decode", 2 * decodes),
            Exactly(Attention + "append", 2 * decodes),
            Exactly(Dispatch + "low-latency", 2 * decodes),
            Exactly(Combine + "low-latency", 2 * decodes),
            Exactly(Gemm + "fp8_m_grouped_masked", 2 * 2 * decodes)
        );
    }

    private void Check(string claim, string phase, params Rule[] rules)
    {
        var counted = facts.PhaseMeters[phase];
        var evidence = new List<string>();
        var passed = true;
        foreach (var rule in rules)
        {
            var value = counted.GetValueOrDefault(rule.Counter);
            var holds = rule.Exact ? value == rule.Expected : value >= rule.Expected;
            // Work of nothing proves nothing.
            passed &= holds && rule.Expected > 0;
            evidence.Add(
                FormattableString.Invariant(
                    $"{rule.Counter["deepinfra.".Length..]} {value:#,0} ({(rule.Exact ? "expected" : "at least")} {rule.Expected:#,0})"
                )
            );
        }
        verdicts.Add($"Meters: {claim}", passed, string.Join(", ", evidence));
    }

    private static Rule AtLeast(string counter, long expected) => new(counter, expected, false);

    private static Rule Exactly(string counter, long expected) => new(counter, expected, true);

    private sealed record Rule(string Counter, long Expected, bool Exact);
}
