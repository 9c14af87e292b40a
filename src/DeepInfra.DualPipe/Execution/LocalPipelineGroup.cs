// SPDX-License-Identifier: MIT
using System.Runtime.ExceptionServices;
using DeepInfra.DualPipe.Schedules;
using DeepInfra.DualPipe.Stages;
using DeepInfra.DualPipe.Transports;

namespace DeepInfra.DualPipe.Execution;

/// <summary>
/// All ranks of a pipeline in this process: one dedicated background thread per rank, named
/// <c>pipe-rank-r</c>, connected by <see cref="InProcessTransport"/>. Members may be called from any
/// thread; one step runs at a time.
/// </summary>
/// <example>
/// <code>
/// await using var group = LocalPipelineGroup.Create(schedule, location => new MyStage(location));
/// using var result = await group.StepAsync(StepInputs.Single(inputs, labels, new MeanSquaredErrorLoss()));
/// </code>
/// </example>
public sealed class LocalPipelineGroup : IAsyncDisposable
{
    private readonly IPipelineStage[][] _stages;
    private readonly InProcessTransport[] _transports;
    private readonly StepCoordinator _coordinator;

    private LocalPipelineGroup(
        PipelineSchedule schedule,
        IPipelineStage[][] stages,
        InProcessTransport[] transports,
        RankRunner[] runners,
        PipelineOptions options
    )
    {
        Schedule = schedule;
        _stages = stages;
        _transports = transports;
        Runners = runners;
        Options = options;
        _coordinator = new StepCoordinator(schedule, runners, options, ResetTransportsAsync);
    }

    /// <summary>The schedule that the group was created with, communication included.</summary>
    public PipelineSchedule Schedule { get; }

    /// <summary>True after a failed or cancelled training step until <see cref="ResetAsync"/>: zero the gradients.</summary>
    public bool GradientsDirty => _coordinator.GradientsDirty;

    internal RankRunner[] Runners { get; }

    internal PipelineOptions Options { get; }

    /// <summary>Creates the ranks and their stages.</summary>
    /// <param name="schedule">The schedule; sends and receives are added when it has none.</param>
    /// <param name="stageFactory">
    /// Makes the stage of every (rank, slot), in rank order. The group disposes stages that are
    /// <see cref="IDisposable"/>.
    /// </param>
    /// <param name="options">Options; null = defaults.</param>
    /// <returns>The group.</returns>
    /// <exception cref="ArgumentException">An option does not fit the schedule.</exception>
    /// <exception cref="PipelineScheduleException">The schedule is invalid.</exception>
    public static LocalPipelineGroup Create(
        PipelineSchedule schedule,
        Func<StageLocation, IPipelineStage> stageFactory,
        PipelineOptions? options = null
    )
    {
        ArgumentNullException.ThrowIfNull(schedule);
        ArgumentNullException.ThrowIfNull(stageFactory);
        options ??= new PipelineOptions();
        options.Validate(schedule.RankCount);
        var complete = PipelineEngine.Complete(schedule);
        var stages = CreateStages(complete, stageFactory);
        var transports = InProcessTransport.CreateGroup(
            complete.RankCount,
            options.TransportCapacity
        );
        var transportRanks = options.TransportRanks(complete.RankCount);
        var runners = new RankRunner[complete.RankCount];
        for (var rank = 0; rank < runners.Length; rank++)
        {
            runners[rank] = PipelineEngine.CreateRunner(
                complete,
                rank,
                stages[rank],
                transports[transportRanks[rank]],
                options
            );
        }

        return new LocalPipelineGroup(complete, stages, transports, runners, options);
    }

    /// <summary>A stage of the group.</summary>
    /// <param name="rank">Pipeline rank.</param>
    /// <param name="slot">Slot on the rank.</param>
    /// <returns>What the factory made.</returns>
    public IPipelineStage StageAt(int rank, int slot) => _stages[rank][slot];

    /// <summary>Runs one step on every rank.</summary>
    /// <param name="inputs">Data and mode.</param>
    /// <param name="cancellationToken">Checked between actions and inside waits, never inside a stage call.</param>
    /// <returns>Losses, outputs and trace.</returns>
    /// <exception cref="PipelineStepException">A rank failed; the inner exception is the root cause.</exception>
    /// <exception cref="OperationCanceledException">The step was cancelled.</exception>
    /// <exception cref="InvalidOperationException">A step is running, or an earlier one failed.</exception>
    public Task<StepResult> StepAsync(
        StepInputs inputs,
        CancellationToken cancellationToken = default
    ) => _coordinator.StepAsync(inputs, cancellationToken);

    /// <summary>Makes the group usable again after a failed step: drops messages on their way.</summary>
    /// <returns>A task.</returns>
    public ValueTask ResetAsync() => _coordinator.ResetAsync(null);

    /// <summary>Cancels a running step, ends the rank threads and disposes the stages.</summary>
    /// <returns>A task.</returns>
    public async ValueTask DisposeAsync()
    {
        // Aborting first frees ranks that wait for each other.
        foreach (var transport in _transports)
        {
            await transport.DisposeAsync().ConfigureAwait(false);
        }

        // A stage that is inside a call which does not return cannot be disposed.
        var stuck = _coordinator.StuckRanks().ToHashSet();
        _coordinator.Dispose();
        DisposeStages(_stages.Where((_, rank) => !stuck.Contains(rank)).SelectMany(s => s));
    }

    private static IPipelineStage[][] CreateStages(
        PipelineSchedule schedule,
        Func<StageLocation, IPipelineStage> stageFactory
    )
    {
        var stages = new IPipelineStage[schedule.RankCount][];
        var created = new List<IPipelineStage>();
        try
        {
            for (var rank = 0; rank < stages.Length; rank++)
            {
                stages[rank] = new IPipelineStage[schedule.Placement.SlotCount];
                for (var slot = 0; slot < stages[rank].Length; slot++)
                {
                    var stage = schedule.Placement.StageOf(rank, slot);
                    stages[rank][slot] =
                        stageFactory(new StageLocation(rank, slot, stage, schedule.StageCount))
                        ?? throw new ArgumentException(
                            $"expected a stage for rank {rank}, slot {slot}, got null",
                            nameof(stageFactory)
                        );
                    created.Add(stages[rank][slot]);
                }
            }

            return stages;
        }
        catch
        {
            DisposeStages(created);
            throw;
        }
    }

    private static void DisposeStages(IEnumerable<IPipelineStage> stages)
    {
        Exception? failure = null;
        foreach (var stage in stages.Distinct())
        {
            try
            {
                (stage as IDisposable)?.Dispose();
            }
            catch (Exception e)
            {
                // The others are still to be released.
                failure ??= e;
            }
        }

        if (failure is not null)
        {
            ExceptionDispatchInfo.Throw(failure);
        }
    }

    private async ValueTask ResetTransportsAsync(long nextStepId)
    {
        foreach (var transport in _transports)
        {
            await transport.ResetAsync(nextStepId).ConfigureAwait(false);
        }
    }
}
