// SPDX-License-Identifier: MIT
using System.Globalization;
using DeepInfra.DualPipe.Rendering;
using EndToEnd.Checks;

namespace EndToEnd.Report;

/// <summary>Lays out the page.</summary>
internal static class ReportBuilder
{
    /// <summary>Creates the report's folder and tries to write there, before minutes of work.</summary>
    /// <exception cref="IOException">The path cannot be written.</exception>
    public static void RequireWritable(string path)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            if (Directory.Exists(path))
                throw new IOException("it is a folder");
            var draft = HtmlReport.Draft(path);
            File.WriteAllText(draft, "");
            File.Delete(draft);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"--report: '{path}' cannot be written: {e.Message}", e);
        }
    }

    public static void Write(
        RunOptions options,
        Verdicts verdicts,
        RunFacts facts,
        MeterBook meters,
        TimeSpan elapsed
    )
    {
        var report = new HtmlReport("DeepInfra: from raw text to generated text");
        report.Tiles(
            ($"{verdicts.All.Count - verdicts.Failed} / {verdicts.All.Count}", "checks passed"),
            (N(facts.TrainedTokens), "tokens trained"),
            (N(facts.TrainedTokens / Math.Max(facts.TrainingSeconds, 1e-9)), "training tokens/s"),
            (
                F(facts.ValidationLoss, "0.000"),
                $"validation loss, nats (unigram entropy {F(facts.UnigramEntropy, "0.000")})"
            ),
            (N(facts.DecodedTokens / Math.Max(facts.DecodeSeconds, 1e-9)), "decode tokens/s")
        );
        Texts(report, facts);
        Data(report, facts);
        Training(report, facts);
        Pipeline(report, facts);
        Serving(report, facts);
        report.Section("Checks").Checks(verdicts.All);
        report
            .Section("Time by phase")
            .Figure(
                Svg.Bars(
                    "Seconds by phase",
                    [.. facts.Phases.Select(p => (p.Phase, p.Seconds, $"{F(p.Seconds, "0.0")} s"))]
                ),
                $"{F(elapsed.TotalSeconds, "0")} s in all on {Environment.ProcessorCount} cores."
            );
        report
            .Section("Meters of the packages")
            .Table(
                ["counter", "total#"],
                meters
                    .Sums.OrderBy(m => m.Key, StringComparer.Ordinal)
                    .Select(m => (IReadOnlyList<string>)[m.Key, N(m.Value)])
            );
        report.Save(
            options.Report,
            "Raw text → 3FS → Pond → 3FS → training with DualPipe, Ep, Gemm and FlashMla → checkpoint on 3FS → prefill → decode "
                + "from a paged FP8 KV cache that was offloaded to 3FS and fetched back. One process, no GPU."
        );
    }

    private static void Texts(HtmlReport report, RunFacts facts)
    {
        report.Section("What it writes");
        foreach (var (kind, prompt, continuation) in facts.Texts)
            report.Preformatted($"[{kind}] {prompt} ▸{continuation}");
    }

    private static void Data(HtmlReport report, RunFacts facts)
    {
        report
            .Section("Data")
            .Figure(
                Svg.Bars(
                    "Documents after each step",
                    [
                        .. facts.Funnel.Select(f =>
                            (
                                f.Stage,
                                (double)f.Documents,
                                $"{N(f.Documents)} docs, {N(f.Bytes / 1024)} KiB{(f.Tokens is { } t ? $", {N(t)} tokens" : "")}"
                            )
                        ),
                    ]
                ),
                "Documents that remain after each step of the Pond flow. Held-out documents are chosen by a hash of their id and never trained on."
            );
    }

    private static void Training(HtmlReport report, RunFacts facts)
    {
        var (first, last) = (facts.TrainingLoss[0].Step, facts.TrainingLoss[^1].Step);
        report
            .Section("Training")
            .Figure(
                Svg.Lines(
                    "Loss by step",
                    "step",
                    "nats per token",
                    new Series("training", facts.TrainingLoss),
                    new Series(
                        "unigram entropy",
                        [(first, facts.UnigramEntropy), (last, facts.UnigramEntropy)],
                        Dashed: true
                    ),
                    new Series(
                        "validation",
                        [(first, facts.ValidationLoss), (last, facts.ValidationLoss)],
                        Dashed: true
                    )
                ),
                "Cross-entropy of the next token; dashed: validation loss at the end, and the entropy of single tokens in the validation text."
            )
            .Figure(
                Svg.HeatMap(
                    "Load of experts over training",
                    [.. Enumerable.Range(0, facts.ExpertLoad[0].Length).Select(e => $"expert {e}")],
                    facts.ExpertLoad
                ),
                "Selections per expert and step, all stages together; darker is more. The routing bias keeps them balanced without an extra loss."
            )
            .Paragraph(
                $"Checkpoint on 3FS: {N(facts.CheckpointBytes / 1024)} KiB (weights and both AdamW moments of every stage)."
            );
    }

    private static void Pipeline(HtmlReport report, RunFacts facts)
    {
        report.Section("Pipeline");
        if (facts.MeasuredTimeline is { } measured && facts.SimulatedTimeline is { } simulated)
            report.Figure(
                ScheduleSvgRenderer.Render([measured, simulated]),
                "Above: the last training step as measured, one row per pipeline rank. Below: the same schedule, simulated with the measured mean time of every action."
            );
        report.Paragraph(facts.BubbleText);
        report.Paragraph(
            $"{F(100 * facts.OverlapShare, "0")} % of expert exchanges had work of another micro-batch in flight on the same rank."
        );
    }

    private static void Serving(HtmlReport report, RunFacts facts) =>
        report
            .Section("Serving")
            .Table(
                ["step", "amount#", "time#", "rate#"],
                [
                    Row(
                        "prefill",
                        $"{N(facts.PrefillTokens)} tokens",
                        facts.PrefillSeconds,
                        facts.PrefillTokens,
                        "tokens/s"
                    ),
                    Row(
                        "KV blocks to 3FS",
                        $"{N(facts.KvBytesOffloaded / 1024)} KiB",
                        facts.KvOffloadSeconds,
                        facts.KvBytesOffloaded / 1e6,
                        "MB/s"
                    ),
                    Row(
                        "KV blocks from 3FS",
                        $"{N(facts.KvBytesFetched / 1024)} KiB",
                        facts.KvFetchSeconds,
                        facts.KvBytesFetched / 1e6,
                        "MB/s"
                    ),
                    Row(
                        "decode",
                        $"{N(facts.DecodedTokens)} tokens",
                        facts.DecodeSeconds,
                        facts.DecodedTokens,
                        "tokens/s"
                    ),
                ]
            );

    private static IReadOnlyList<string> Row(
        string step,
        string amount,
        double seconds,
        double units,
        string unit
    ) =>
        [
            step,
            amount,
            $"{F(seconds * 1000, "0")} ms",
            $"{N(units / Math.Max(seconds, 1e-9))} {unit}",
        ];

    private static string N(double value) => Svg.Number(value);

    private static string F(double value, string format) =>
        value.ToString(format, CultureInfo.InvariantCulture);
}
