// SPDX-License-Identifier: MIT
namespace DeepInfra.Headlines.Ep;

/// <summary>
/// Throughput combine between in-process ranks, one per core, against the runtime's memory copy by as many threads. A
/// combine reads its rows and writes its sums, a copy reads and writes every byte: compared is what moves through
/// memory, so half of rows and sums together counts as copied.
/// </summary>
internal sealed class CombineHeadline : IHeadline
{
    public string Name => "ep-combine-vs-memcpy";

    public string Unit => "x";

    public string Goal => ">= 0.8";

    public HeadlineResult Measure(TextWriter log)
    {
        using var run = ExchangeRun.Measure(log);
        var combine = (run.RowBytes + run.SumBytes) / 2 / run.Combine / 1e9;
        log.WriteLine(
            $"combine {run.Combine * 1e3:0.00} ms, {combine:0.00} GB/s of (rows read + sums written) / 2"
        );
        return new HeadlineResult(combine / run.Copy);
    }
}
