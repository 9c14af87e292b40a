// SPDX-License-Identifier: MIT
using System.Collections.Immutable;

namespace DeepInfra.DualPipe.Schedules;

/// <summary>
/// An immutable pipeline schedule: for every rank the ordered list of its actions. Thread-safe.
/// </summary>
/// <example>
/// <code>
/// var schedule = PipelineSchedules.DualPipe(rankCount: 8, microBatchCount: 24);
/// foreach (var action in schedule[3]) Console.WriteLine(action);
/// </code>
/// </example>
public sealed class PipelineSchedule
{
    private readonly ImmutableArray<PipelineAction>[] _actions;

    /// <summary>Creates a schedule. Nothing but the sizes is checked; see the validator for the rules.</summary>
    /// <param name="kind">Where it comes from.</param>
    /// <param name="placement">Stage placement.</param>
    /// <param name="microBatchCount">Number of micro-batches, both directions together; >= 1.</param>
    /// <param name="forwardOnly">True when there are no backward actions.</param>
    /// <param name="actions">One action list per rank.</param>
    /// <exception cref="ArgumentException">The number of action lists is not the number of ranks.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="microBatchCount"/> is below 1.</exception>
    public PipelineSchedule(
        PipelineScheduleKind kind,
        IStagePlacement placement,
        int microBatchCount,
        bool forwardOnly,
        IReadOnlyList<ImmutableArray<PipelineAction>> actions
    )
    {
        ArgumentNullException.ThrowIfNull(placement);
        ArgumentNullException.ThrowIfNull(actions);
        ArgumentOutOfRangeException.ThrowIfLessThan(microBatchCount, 1);
        if (actions.Count != placement.RankCount)
        {
            throw new ArgumentException(
                $"expected {placement.RankCount} action lists (one per rank), got {actions.Count}",
                nameof(actions)
            );
        }

        Kind = kind;
        Placement = placement;
        MicroBatchCount = microBatchCount;
        ForwardOnly = forwardOnly;
        _actions = [.. actions];
        foreach (var list in _actions)
        {
            TotalActionCount += list.Length;
            HasCommunication = HasCommunication || list.Any(a => !a.IsCompute);
        }
    }

    /// <summary>Where the schedule comes from.</summary>
    public PipelineScheduleKind Kind { get; }

    /// <summary>Stage placement.</summary>
    public IStagePlacement Placement { get; }

    /// <summary>Number of ranks P.</summary>
    public int RankCount => Placement.RankCount;

    /// <summary>Number of logical stages S.</summary>
    public int StageCount => Placement.StageCount;

    /// <summary>Number of micro-batches of a step, both directions together.</summary>
    public int MicroBatchCount { get; }

    /// <summary>Number of micro-batches per direction.</summary>
    public int MicroBatchesPerDirection => MicroBatchCount / Placement.DirectionCount;

    /// <summary>True when the schedule has no backward actions.</summary>
    public bool ForwardOnly { get; }

    /// <summary>True when the schedule contains sends, receives or commits.</summary>
    public bool HasCommunication { get; }

    /// <summary>Number of actions of all ranks together.</summary>
    public int TotalActionCount { get; }

    /// <summary>The actions of one rank in execution order.</summary>
    /// <param name="rank">Pipeline rank.</param>
    public ImmutableArray<PipelineAction> this[int rank] => _actions[rank];

    /// <summary>The compute actions alone, without sends, receives and commits.</summary>
    /// <returns>A schedule that <see cref="CommunicationInserter"/> accepts.</returns>
    public PipelineSchedule WithoutCommunication() =>
        HasCommunication
            ? new PipelineSchedule(
                Kind,
                Placement,
                MicroBatchCount,
                ForwardOnly,
                [.. _actions.Select(list => list.Where(a => a.IsCompute).ToImmutableArray())]
            )
            : this;

    /// <summary>
    /// The same schedule without gradients: backward actions and gradient messages vanish, F&amp;B becomes F,
    /// and a commit stays in front of every remaining compute action that has messages pending.
    /// </summary>
    /// <returns>The forward-only schedule, or this one if it already is.</returns>
    public PipelineSchedule ToForwardOnly()
    {
        if (ForwardOnly)
        {
            return this;
        }

        var lists = new ImmutableArray<PipelineAction>[RankCount];
        for (var rank = 0; rank < RankCount; rank++)
        {
            var builder = new ActionListBuilder();
            foreach (var action in _actions[rank])
            {
                switch (action.Kind)
                {
                    case PipelineActionKind.Forward:
                        builder.Compute(action);
                        break;
                    case PipelineActionKind.ForwardBackward:
                        builder.Compute(
                            PipelineAction.Compute(
                                PipelineActionKind.Forward,
                                action.Slot,
                                action.Stage,
                                action.MicroBatch,
                                action.Step
                            )
                        );
                        break;
                    case PipelineActionKind.ReceiveForward or PipelineActionKind.SendForward:
                        builder.Message(action);
                        break;
                }
            }

            lists[rank] = builder.Finish();
        }

        return new PipelineSchedule(Kind, Placement, MicroBatchCount, forwardOnly: true, lists);
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Kind}, {RankCount} ranks, {StageCount} stages, {MicroBatchCount} micro-batches"
        + (ForwardOnly ? ", forward only" : "");
}
