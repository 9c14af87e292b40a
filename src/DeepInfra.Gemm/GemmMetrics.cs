// SPDX-License-Identifier: MIT
using System.Diagnostics.Metrics;

namespace DeepInfra.Gemm;

/// <summary>The instruments of the meter <c>DeepInfra.Gemm</c>.</summary>
internal static class GemmMetrics
{
    private static readonly Meter s_meter = new("DeepInfra.Gemm");

    private static readonly Counter<long> s_calls = s_meter.CreateCounter<long>(
        "deepinfra.gemm.calls",
        "{call}",
        "Matrix multiplications, by operation."
    );

    private static readonly Counter<long> s_flops = s_meter.CreateCounter<long>(
        "deepinfra.gemm.flops",
        "{operation}",
        "Floating-point operations of the multiplications: two per multiply-add of valid rows."
    );

    public static void Record(string operation, long flops)
    {
        var tag = new KeyValuePair<string, object?>("operation", operation);
        s_calls.Add(1, tag);
        s_flops.Add(flops, tag);
    }
}
