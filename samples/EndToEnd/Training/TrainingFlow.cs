// SPDX-License-Identifier: MIT
using System.Diagnostics;
using DeepInfra.Core.Cpu;
using DeepInfra.DualPipe.Execution;
using EndToEnd.Model;

namespace EndToEnd.Training;

/// <summary>
/// Data loader → training → validation → checkpoint, with its checks: gradients against a single process, resume
/// bit for bit, loss below the entropy of single tokens.
/// </summary>
internal sealed class TrainingFlow(RunContext run, ModelConfig config)
{
    public const string TrainPath = "/data/train";
    public const string ValidationPath = "/data/validation";
    public const string FinalCheckpoint = "final";

    private const string ResumeCheckpoint = "resume";

    public const int MicroBatches = 2 * PipelineModel.PipelineRanks;
    private const int ResumeSteps = 2;
    private const float PeakRate = 4e-3f;

    private static readonly AdamW s_optimizer = new();

    private readonly Checkpoint _checkpoints = new(run.Files);
    private readonly CpuBackendOptions _cpu = CpuBackendOptions.Default with
    {
        MaxDegreeOfParallelism = 1,
    };

    private readonly int _sequencesPerStep = SequencesPerStep(config);

    /// <summary>Sequences that a step needs, of training and of held-out text.</summary>
    public static int SequencesPerStep(ModelConfig config) =>
        MicroBatches * config.ExpertRanks * config.SequencesPerRank;

    public async Task RunAsync()
    {
        await using var train = await SequenceDataset.OpenAsync(
            run.Files,
            TrainPath,
            config.SequenceLength,
            run.CancellationToken
        );
        await using var validation = await SequenceDataset.OpenAsync(
            run.Files,
            ValidationPath,
            config.SequenceLength,
            run.CancellationToken
        );
        await run.Progress.PhaseAsync(Phases.CheckGradients, () => CheckGradientsAsync(train));

        await run.Progress.PhaseAsync(
            Phases.ValidateUntrained,
            async () =>
            {
                await using var untrained = NewModel(trace: false);
                (run.Facts.FirstValidationLoss, _, _) = await EvaluateAsync(untrained, validation);
            }
        );

        await using var model = NewModel(trace: true);
        var steps = Math.Max(4, (run.Options.Tokens + TokensPerStep - 1) / TokensPerStep);
        ulong[] resumed = [];
        await run.Progress.PhaseAsync(
            Phases.Train,
            async report =>
            {
                var clock = Stopwatch.StartNew();
                var step = 0;
                await foreach (var batch in Batches(train, startBatch: 0))
                {
                    if (++step == steps - ResumeSteps + 1)
                        await _checkpoints.SaveAsync(
                            ResumeCheckpoint,
                            model.Layers,
                            step - 1,
                            run.CancellationToken
                        );
                    var loss = await StepAsync(model, batch, step, steps);
                    run.Facts.TrainingLoss.Add((step, loss));
                    run.Facts.TrainedTokens += TokensPerStep;
                    run.Facts.TrainedSequences += _sequencesPerStep;
                    report(
                        (double)step / steps,
                        FormattableString.Invariant(
                            $"step {step}/{steps} loss {loss:0.000} {run.Facts.TrainedTokens / clock.Elapsed.TotalSeconds:0} tokens/s"
                        )
                    );
                    if (step == steps)
                        break;
                }
                run.Facts.TrainingSeconds = clock.Elapsed.TotalSeconds;
                resumed = [.. model.Layers.Select(l => l.Parameters.Hash())];
                return true;
            }
        );
        run.Verdicts.Add(
            "Both copies of every stage stay bit-identical over training",
            model.CopiesAgree(),
            $"{PipelineModel.PipelineRanks} stages, {steps} steps"
        );

        CheckOverlap(model);
        await run.Progress.PhaseAsync(Phases.Validate, () => ValidateAsync(model, validation));
        run.Facts.CheckpointBytes = await run.Progress.PhaseAsync(
            Phases.Save,
            _ => _checkpoints.SaveAsync(FinalCheckpoint, model.Layers, steps, run.CancellationToken)
        );
        await run.Progress.PhaseAsync(Phases.Resume, () => CheckResumeAsync(train, steps, resumed));
    }

    private int TokensPerStep => _sequencesPerStep * config.SequenceLength;

    private PipelineModel NewModel(bool trace) =>
        new(config, MicroBatches, run.Options.Seed, _cpu, trace);

    private IAsyncEnumerable<Batch> Batches(SequenceDataset data, long startBatch) =>
        data.ShuffledAsync(_sequencesPerStep, run.Options.Seed, startBatch, run.CancellationToken);

    private async Task<double> StepAsync(PipelineModel model, Batch batch, int step, int steps)
    {
        using var result = await model.StepAsync(batch, training: true, run.CancellationToken);
        var (_, load) = model.Update(s_optimizer, step, LearningRate(step, steps), maxNorm: 1.0);
        run.Facts.ExpertLoad.Add([
            .. Enumerable.Range(0, config.Experts).Select(e => load.Sum(stage => (double)stage[e])),
        ]);
        // The last step: by then all code is compiled.
        if (step == steps && result.Trace is { } trace)
            Record(trace, model);
        return result.Losses!.Average();
    }

    private static float LearningRate(int step, int steps)
    {
        const int warmup = 8;
        if (step <= warmup)
            return PeakRate * step / warmup;
        var progress = (float)(step - warmup) / Math.Max(1, steps - warmup);
        return PeakRate * (0.1f + 0.45f * (1 + MathF.Cos(MathF.PI * progress)));
    }

    private async Task CheckGradientsAsync(SequenceDataset data)
    {
        await using var model = NewModel(trace: false);
        using var single = new SingleProcessModel(config, run.Options.Seed, _cpu);
        var check = new GradientCheck(config, model, single);
        var count = MicroBatches * config.ExpertRanks;
        var batch = await data.ReadAsync(0, count, run.CancellationToken);
        await check.RunAsync(batch, run.Verdicts, run.CancellationToken);
    }

    private async Task CheckResumeAsync(SequenceDataset data, int steps, ulong[] expected)
    {
        await using var model = NewModel(trace: false);
        var done = await _checkpoints.LoadAsync(
            ResumeCheckpoint,
            model.Layers,
            run.CancellationToken
        );
        model.SynchronizeCopies();
        var step = done;
        await foreach (var batch in Batches(data, startBatch: done))
        {
            step++;
            using var result = await model.StepAsync(batch, training: true, run.CancellationToken);
            model.Update(s_optimizer, step, LearningRate(step, steps), maxNorm: 1.0);
            if (step == steps)
                break;
        }
        var hashes = model.Layers.Select(l => l.Parameters.Hash()).ToArray();
        run.Verdicts.Add(
            "A run resumed from the checkpoint on 3FS continues bit for bit",
            hashes.SequenceEqual(expected),
            $"weights after step {steps}, resumed after step {done}: {string.Join(' ', hashes.Select(h => h.ToString("x16")))}"
        );
    }

    private async Task ValidateAsync(PipelineModel model, SequenceDataset data)
    {
        var (loss, entropy, tokens) = await EvaluateAsync(model, data);
        run.Facts.ValidationLoss = loss;
        run.Facts.UnigramEntropy = entropy;
        run.Verdicts.Add(
            "Training lowers the loss on unseen documents",
            loss < run.Facts.FirstValidationLoss,
            FormattableString.Invariant(
                $"{run.Facts.FirstValidationLoss:0.000} nats before the first step, {loss:0.000} after the last"
            )
        );
        // A short run does not get there, so it does not claim to.
        if (run.Facts.TrainedTokens < RunOptions.LossTargetTokens)
            return;
        run.Verdicts.Add(
            "Validation loss on unseen documents is at most 0.9 of the unigram entropy of the same tokens",
            loss <= 0.9 * entropy,
            FormattableString.Invariant(
                $"{loss:0.000} nats against {entropy:0.000} ({loss / entropy:0.000}) on {tokens:#,0} tokens"
            )
        );
    }

    /// <summary>Mean loss and entropy of single tokens, in nats, over the first held-out sequences.</summary>
    private async Task<(double Loss, double Entropy, double Tokens)> EvaluateAsync(
        PipelineModel model,
        SequenceDataset data
    )
    {
        var count = Math.Min(data.Count / _sequencesPerStep, 4) * _sequencesPerStep;
        var losses = new List<double>();
        var frequencies = new long[config.Vocabulary];
        for (var start = 0; start < count; start += _sequencesPerStep)
        {
            var batch = await data.ReadAsync(start, _sequencesPerStep, run.CancellationToken);
            using var result = await model.StepAsync(batch, training: false, run.CancellationToken);
            losses.AddRange(result.Losses!);
            foreach (var label in batch.Labels)
                frequencies[label]++;
        }
        var total = (double)frequencies.Sum();
        var entropy = -frequencies.Where(f => f > 0).Sum(f => f / total * Math.Log(f / total));
        return (losses.Average(), entropy, total);
    }

    private void Record(PipelineTrace trace, PipelineModel model)
    {
        var bubbles = BubbleReport.Create(trace);
        run.Facts.MeasuredTimeline = trace.ToTimeline("measured, last training step");
        run.Facts.SimulatedTimeline = bubbles.Simulated;
        run.Facts.BubbleText = FormattableString.Invariant(
            $"Measured makespan {bubbles.Measured.Makespan:0} ms; simulated with the measured mean time of every action {bubbles.Simulation.Makespan:0} ms. Eight ranks share the cores of this machine, so the measured step also contains waiting for a core."
        );
    }

    /// <summary>
    /// In an overlapped pair the rows of either micro-batch travel while the other one computes: four exchanges on every
    /// expert rank. The pipeline's own counter says how many pairs it ran.
    /// </summary>
    private void CheckOverlap(PipelineModel model)
    {
        var (exchanges, overlapped) = OverlapAnalysis.Count(model.Traces);
        var pairs = run
            .Facts.PhaseMeters[Phases.Train]
            .GetValueOrDefault("deepinfra.dualpipe.overlapped_pairs");
        run.Facts.OverlapShare = (double)overlapped / exchanges;
        run.Verdicts.Add(
            "In every overlapped pair the rows of one micro-batch travel while the other computes",
            pairs > 0
                && overlapped == OverlapAnalysis.ExchangesPerPair * pairs * config.ExpertRanks,
            FormattableString.Invariant(
                $"{overlapped:#,0} of {exchanges:#,0} exchanges; {OverlapAnalysis.ExchangesPerPair} in each of {pairs:#,0} pairs on {config.ExpertRanks} expert ranks expected"
            )
        );
    }
}
