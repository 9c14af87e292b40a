// SPDX-License-Identifier: MIT
namespace DeepInfra.Headlines.Ep;

/// <summary>
/// Throughput dispatch between in-process ranks, one per core, against the runtime's memory copy of the same bytes
/// by as many threads. Bytes are those of the received rows, each counted once.
/// </summary>
internal sealed class DispatchHeadline : IHeadline
{
    public string Name => "ep-dispatch-vs-memcpy";

    public string Unit => "x";

    public string Goal => ">= 0.8";

    public HeadlineResult Measure(TextWriter log)
    {
        using var run = ExchangeRun.Measure(log);
        var dispatch = run.RowBytes / run.Dispatch / 1e9;
        log.WriteLine($"dispatch {run.Dispatch * 1e3:0.00} ms, {dispatch:0.00} GB/s");
        return new HeadlineResult(dispatch / run.Copy);
    }
}
