// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Runtime.InteropServices;
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
            (
                F(facts.ValidationLoss, "0.000"),
                $"nats per token on unseen text; {F(facts.FirstValidationLoss, "0.000")} untrained"
            ),
            (N(facts.TrainedTokens / Math.Max(facts.TrainingSeconds, 1e-9)), "training tokens/s"),
            (N(facts.DecodedTokens / Math.Max(facts.DecodeSeconds, 1e-9)), "decoded tokens/s")
        );
        Checks(report, verdicts);
        Texts(report, facts);
        Data(report, facts);
        Training(report, facts);
        Pipeline(report, facts);
        Serving(report, facts);
        report
            .Section("Time")
            .Figure(
                "Seconds by phase",
                Svg.Bars(
                    "Seconds by phase",
                    [
                        .. facts.Phases.Select(p =>
                            (p.Phase, p.Seconds, Progress.Duration(p.Seconds))
                        ),
                    ]
                ),
                $"{F(elapsed.TotalSeconds, "0")} s in all; what is missing is the start of the program and this report."
            );
        report
            .Section("Meters of the packages")
            .Paragraph(
                "What the packages' own counters counted over the whole run. The checks above compare them with the work of single phases."
            )
            .Table(
                ["counter", "total#"],
                meters
                    .Sums.OrderBy(m => m.Key, StringComparer.Ordinal)
                    .Select(m => (IReadOnlyList<string>)[m.Key, N(m.Value)])
            );
        report
            .Section("This run")
            .Table(
                ["", ""],
                [
                    ["ended", DateTimeOffset.Now.ToString("u", CultureInfo.InvariantCulture)],
                    ["text", options.Input ?? "shipped corpus"],
                    ["tokens asked for", N(options.Tokens)],
                    ["seed", options.Seed.ToString(CultureInfo.InvariantCulture)],
                    [
                        "machine",
                        $"{Environment.ProcessorCount} cores, {RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}",
                    ],
                    ["runtime", RuntimeInformation.FrameworkDescription],
                    [
                        "largest working set",
                        $"{F(Environment.WorkingSet / 1048576.0, "0")} MiB at the end",
                    ],
                ]
            );
        report.Save(
            options.Report,
            "Raw text → 3FS → Pond → 3FS → training with DualPipe, Ep, Gemm and FlashMla → checkpoint on 3FS → prefill → decode "
                + "from a paged FP8 KV cache that was offloaded to 3FS and fetched back. One process, no GPU."
        );
    }

    private static void Checks(HtmlReport report, Verdicts verdicts)
    {
        static bool OfMeters(Verdict v) => v.Claim.StartsWith("Meters: ", StringComparison.Ordinal);
        report
            .Section("Checks")
            .Checks(verdicts.All.Where(v => !OfMeters(v)).OrderBy(v => v.Passed))
            .Subsection("Each phase went through its package, by the package's own counters")
            .Checks(
                verdicts
                    .All.Where(OfMeters)
                    .Select(v => v with { Claim = v.Claim["Meters: ".Length..] })
                    .OrderBy(v => v.Passed)
            );
    }

    private static void Texts(HtmlReport report, RunFacts facts)
    {
        report
            .Section("What it writes")
            .Paragraph(
                "Prompts are the first tokens of held-out documents. A model of this size, trained for a minute or two, picks up words and "
                    + "their order, not sense; greedy decoding soon repeats itself."
            );
        foreach (var prompt in facts.Texts.GroupBy(t => t.Prompt))
            report.Text(prompt.Key, prompt.Select(t => (t.Kind, t.Continuation)));
    }

    private static void Data(HtmlReport report, RunFacts facts)
    {
        var bars = new List<(string, double, string)>();
        for (var i = 0; i < facts.Funnel.Count; i++)
        {
            var (stage, documents, bytes, tokens) = facts.Funnel[i];
            var removed = i == 0 ? 0 : facts.Funnel[i - 1].Documents - documents;
            bars.Add(
                (
                    stage,
                    documents,
                    $"{N(documents)}{(i == 0 ? "" : $" (−{N(removed)})")}, {N(bytes / 1024)} KiB{(tokens is { } t ? $", {N(t)} tokens" : "")}"
                )
            );
        }
        report
            .Section("Data")
            .Figure(
                "Documents after each step of the Pond flow",
                Svg.Bars("Documents after each step", bars),
                "In brackets what the step removed. Exact duplicates are equal but for case and white space, near duplicates share 80 % of their "
                    + "five-word shingles (MinHash). One document in sixteen, chosen by its hash, is held out and never trained on."
            );
    }

    private static void Training(HtmlReport report, RunFacts facts)
    {
        var (first, last) = (facts.TrainingLoss[0].Step, facts.TrainingLoss[^1].Step);
        report
            .Section("Training")
            .Figure(
                "Loss by step",
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
                "Cross-entropy of the next token. Dashed: the loss on held-out text at the end, and the entropy of its single tokens, which a "
                    + "model that only knows how frequent tokens are cannot get below."
            )
            .Figure(
                "Load of the experts over training",
                Svg.HeatMap(
                    "Load of experts over training",
                    [.. Enumerable.Range(0, facts.ExpertLoad[0].Length).Select(e => $"expert {e}")],
                    [.. facts.ExpertLoad.Select(Shares)],
                    "step",
                    "share of all selections",
                    share => $"{F(100 * share, "0")} %"
                ),
                $"All stages together; an even load is {F(100.0 / facts.ExpertLoad[0].Length, "0.#")} %. The routing bias alone evens it out, without a loss term."
            )
            .Paragraph(
                $"Checkpoint on 3FS: {N(facts.CheckpointBytes / 1024)} KiB (weights and both AdamW moments of every stage)."
            );
    }

    private static double[] Shares(double[] load) =>
        Array.ConvertAll(load, value => value / Math.Max(load.Sum(), 1));

    private static void Pipeline(HtmlReport report, RunFacts facts)
    {
        report.Section("Pipeline");
        if (facts.MeasuredTimeline is { } measured && facts.SimulatedTimeline is { } simulated)
            report.Figure(
                "One training step, measured and simulated",
                ScheduleSvgRenderer.Render(
                    [measured, simulated],
                    new SvgOptions { PlotWidth = 980, RowHeight = 36 }
                ),
                "Above: the last training step as measured, one row per pipeline rank. Below: the same schedule, simulated with the measured mean "
                    + "time of every action. Numbers are micro-batches; white ones entered at rank 0, dark ones at rank 3. Framed pairs of blue and green "
                    + "are a forward and a backward pass that run together: the rows of one travel to the experts while the other computes. Grey is waiting.",
                onPaper: true
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
            )
            .Subsection("Decode against prefill")
            .Paragraph(
                "Decode steps over tokens that prefill has seen as well, from a prompt that ends inside a page and from one that has just begun a "
                    + "page. First every half layer gets exactly what it got in prefill, so that no error travels: what is left is the rounding of "
                    + "that half layer. Then decode runs on its own results, once through the experts that prefill chose and once through its own: "
                    + "a router that is undecided turns a rounding difference into another expert. "
                    + "The measure is the rounding of prefill itself, as its distance from a float64 model shows it. docs/numerics.md derives the limits."
            )
            .Table(
                ["distance from prefill's logits, root mean square over tokens", "relative#"],
                [
                    ["decode through the same experts", F(facts.Agreement.Replayed, "0.0000")],
                    ["at most", F(facts.Agreement.ReplayedLimit, "0.0000")],
                    ["decode through its own experts", F(facts.Agreement.Free, "0.0000")],
                    [
                        "a float64 model through the same experts",
                        F(facts.Agreement.PrefillNoise, "0.0000"),
                    ],
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
