// SPDX-License-Identifier: MIT
namespace EndToEnd.Checks;

/// <summary>Every phase must have gone through its package: the packages' own counters say so.</summary>
internal static class MeterCheck
{
    private static readonly (string Phase, string[] Counters)[] s_required =
    [
        ("data loading by random reads of Fs", ["deepinfra.fs.random_reads"]),
        (
            "training through Gemm (FP8 dense, grouped, K-grouped)",
            [
                "deepinfra.gemm.calls/fp8_dense",
                "deepinfra.gemm.calls/fp8_m_grouped_contiguous",
                "deepinfra.gemm.calls/fp8_k_grouped",
            ]
        ),
        (
            "attention through FlashMla (prefill forward and backward, decode, append)",
            [
                "deepinfra.flashmla.calls/prefill_forward",
                "deepinfra.flashmla.calls/prefill_backward",
                "deepinfra.flashmla.calls/decode",
                "deepinfra.flashmla.calls/append",
            ]
        ),
        (
            "expert exchange through Ep (throughput and low latency)",
            [
                "deepinfra.ep.dispatch.calls/throughput",
                "deepinfra.ep.combine.calls/throughput",
                "deepinfra.ep.dispatch.calls/low-latency",
                "deepinfra.ep.combine.calls/low-latency",
            ]
        ),
        ("decode experts through Gemm (masked)", ["deepinfra.gemm.calls/fp8_m_grouped_masked"]),
        ("pipeline steps through DualPipe", ["deepinfra.dualpipe."]),
        ("text preparation through Pond", ["deepinfra.pond."]),
        ("KV blocks through the KV-cache store of Fs", ["deepinfra.fs.kv"]),
    ];

    public static void Add(Verdicts verdicts, MeterBook meters)
    {
        foreach (var (phase, counters) in s_required)
        {
            var missing = counters.Where(c => meters.Total(c) == 0).ToList();
            verdicts.Add(
                $"Meters: {phase}",
                missing.Count == 0,
                missing.Count == 0
                    ? string.Join(
                        ", ",
                        counters.Select(c =>
                            $"{c["deepinfra.".Length..].TrimEnd('.')} {meters.Total(c):#,0}"
                        )
                    )
                    : $"nothing counted by {string.Join(", ", missing)}"
            );
        }
    }
}
