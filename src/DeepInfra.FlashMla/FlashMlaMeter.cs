// SPDX-License-Identifier: MIT
using System.Diagnostics.Metrics;

namespace DeepInfra.FlashMla;

/// <summary>The counters of this package. Tags are made once, so counting allocates nothing.</summary>
internal static class FlashMlaMeter
{
    public static readonly KeyValuePair<string, object?> Decode = new("operation", "decode");
    public static readonly KeyValuePair<string, object?> PrefillForward = new(
        "operation",
        "prefill_forward"
    );
    public static readonly KeyValuePair<string, object?> PrefillBackward = new(
        "operation",
        "prefill_backward"
    );
    public static readonly KeyValuePair<string, object?> PrefillSparse = new(
        "operation",
        "prefill_sparse"
    );
    public static readonly KeyValuePair<string, object?> Append = new("operation", "append");
    public static readonly KeyValuePair<string, object?> Gather = new("operation", "gather");

    private static readonly Meter s_meter = new("DeepInfra.FlashMla");

    private static readonly Counter<long> s_calls = s_meter.CreateCounter<long>(
        "deepinfra.flashmla.calls",
        "{call}",
        "Calls by operation."
    );

    private static readonly Counter<long> s_tokens = s_meter.CreateCounter<long>(
        "deepinfra.flashmla.kv_tokens",
        "{token}",
        "Key/value tokens that an operation read or wrote, per layer."
    );

    public static void Count(in KeyValuePair<string, object?> operation, long tokens)
    {
        s_calls.Add(1, operation);
        s_tokens.Add(tokens, operation);
    }
}
