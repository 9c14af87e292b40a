// SPDX-License-Identifier: MIT
using System.Globalization;
using DeepInfra.Headlines.Ceilings;

namespace DeepInfra.Headlines.FlashMla;

/// <summary>Sixteen heads: how much of the FP32 multiply-add peak decode uses.</summary>
internal sealed class MlaDecodeCpuPeak : IHeadline
{
    public string Name => "mla-decode-cpu-peak";

    public string Unit => "x";

    public string Goal => ">= 0.7";

    public HeadlineResult Measure(TextWriter log)
    {
        using var problem = new DecodeProblem(batch: 8, heads: 16, length: 8192);
        var (seconds, ceiling) = (double.MaxValue, 0.0);
        problem.Run();
        // Alternating, so that a slow phase of a shared machine hits both sides.
        for (var round = 0; round < 8; round++)
        {
            ceiling = Math.Max(ceiling, FmaPeak.MeasureGflops(repetitions: 2));
            for (var i = 0; i < 5; i++)
                seconds = Math.Min(seconds, problem.Run());
        }
        var rate = problem.Flops / seconds / 1e9;
        log.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{problem.Shape}: {seconds * 1e3:0.00} ms, {rate:0} GFLOP/s, {problem.Bytes / seconds / 1e9:0.0} GB/s; FP32 peak {ceiling:0} GFLOP/s"
            )
        );
        problem.CompareWithOpenBlas(seconds, log);
        return new HeadlineResult(rate / ceiling);
    }
}
