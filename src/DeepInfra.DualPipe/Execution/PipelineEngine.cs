// SPDX-License-Identifier: MIT
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Stages;
using DeepInfra.DualPipe.Transports;
using DeepInfra.DualPipe.Validation;

namespace DeepInfra.DualPipe.Execution;

/// <summary>
/// Runs one rank of a pipeline on its own thread. Reusable for any number of steps, one at a time; steps
/// may differ in micro-batch count and in training or forward-only. Members may be called from any thread.
/// </summary>
public sealed class PipelineEngine : IAsyncDisposable
{
    private readonly StepCoordinator _coordinator;

    private PipelineEngine(PipelineSchedule schedule, int rank, StepCoordinator coordinator)
    {
        Schedule = schedule;
        Rank = rank;
        _coordinator = coordinator;
    }

    /// <summary>The schedule that the engine was created with.</summary>
    public PipelineSchedule Schedule { get; }

    /// <summary>Pipeline rank.</summary>
    public int Rank { get; }

    /// <summary>True after a failed training step until <see cref="ResetAsync"/>.</summary>
    public bool GradientsDirty => _coordinator.GradientsDirty;

    /// <summary>Creates the engine of one rank.</summary>
    /// <param name="schedule">The schedule; sends and receives are added when it has none.</param>
    /// <param name="rank">Pipeline rank.</param>
    /// <param name="stages">The rank's stages by slot; the caller keeps ownership.</param>
    /// <param name="transport">The rank's transport; the caller keeps ownership.</param>
    /// <param name="options">Options; null = defaults.</param>
    /// <returns>The engine.</returns>
    /// <exception cref="ArgumentException">Stages, transport or mapping do not fit the schedule.</exception>
    /// <exception cref="PipelineScheduleException">The schedule is invalid.</exception>
    public static PipelineEngine Create(
        PipelineSchedule schedule,
        int rank,
        IReadOnlyList<IPipelineStage> stages,
        IPipelineTransport transport,
        PipelineOptions? options = null
    )
    {
        ArgumentNullException.ThrowIfNull(schedule);
        ArgumentNullException.ThrowIfNull(transport);
        options ??= new PipelineOptions();
        options.Validate(schedule.RankCount);
        var complete = Complete(schedule);
#pragma warning disable CA2000 // it belongs to the coordinator
        var runner = CreateRunner(complete, rank, stages, transport, options);
#pragma warning restore CA2000
        return new PipelineEngine(
            complete,
            rank,
            new StepCoordinator(complete, [runner], options, transport.ResetAsync)
        );
    }

    /// <summary>Runs one step.</summary>
    /// <param name="inputs">Data and mode; every rank of the pipeline must pass the same mode.</param>
    /// <param name="cancellationToken">Checked between actions and inside waits, never inside a stage call.</param>
    /// <returns>What this rank owns of the result.</returns>
    /// <exception cref="PipelineStepException">This or another rank failed.</exception>
    /// <exception cref="OperationCanceledException">The step was cancelled; the peers are aborted.</exception>
    /// <exception cref="InvalidOperationException">A step is running, or an earlier one failed.</exception>
    public Task<StepResult> StepAsync(
        StepInputs inputs,
        CancellationToken cancellationToken = default
    ) => _coordinator.StepAsync(inputs, cancellationToken);

    /// <summary>
    /// Makes the engine usable again after a failed step. Every rank must reset to the same next step.
    /// </summary>
    /// <param name="nextStepId">Number of the next step; null = one more than this rank's last.</param>
    /// <returns>A task.</returns>
    public ValueTask ResetAsync(long? nextStepId = null) => _coordinator.ResetAsync(nextStepId);

    /// <summary>Cancels a running step and ends the rank's thread; waits for a running stage call.</summary>
    /// <returns>A task.</returns>
    public ValueTask DisposeAsync()
    {
        _coordinator.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>
    /// The schedule with communication, checked for what the interpreter relies on. Bounds and orders that
    /// only concern memory and reproducibility are the author's choice.
    /// </summary>
    internal static PipelineSchedule Complete(PipelineSchedule schedule)
    {
        var complete = CommunicationInserter.Insert(schedule);
        var report = ScheduleValidator.Validate(
            complete,
            new ValidationOptions
            {
                RequireFifo = false,
                CheckAccumulationOrder = false,
                ActivationBound = _ => int.MaxValue,
            }
        );
        report.ThrowIfInvalid();
        return complete;
    }

    internal static RankRunner CreateRunner(
        PipelineSchedule schedule,
        int rank,
        IReadOnlyList<IPipelineStage> stages,
        IPipelineTransport transport,
        PipelineOptions options
    )
    {
        ArgumentNullException.ThrowIfNull(stages);
        if ((uint)rank >= (uint)schedule.RankCount)
        {
            throw new ArgumentOutOfRangeException(
                nameof(rank),
                rank,
                $"expected 0 <= rank < {schedule.RankCount}"
            );
        }

        if (stages.Count != schedule.Placement.SlotCount || stages.Any(s => s is null))
        {
            throw new ArgumentException(
                $"expected {schedule.Placement.SlotCount} stages (one per slot), got {stages.Count(s => s is not null)}",
                nameof(stages)
            );
        }

        var expected = options.TransportRanks(schedule.RankCount)[rank];
        if (transport.RankCount != schedule.RankCount || transport.Rank != expected)
        {
            throw new ArgumentException(
                $"expected transport rank {expected} of {schedule.RankCount} for pipeline rank {rank}, got {transport.Rank} of {transport.RankCount}",
                nameof(transport)
            );
        }

        return new RankRunner(rank, [.. stages], transport, options);
    }
}
