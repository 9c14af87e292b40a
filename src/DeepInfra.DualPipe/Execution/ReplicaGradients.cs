// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using DeepInfra.DualPipe.Stages;

namespace DeepInfra.DualPipe.Execution;

/// <summary>
/// Combines gradients of weights that exist more than once: the two copies of each stage in DualPipe, and
/// tied parameters. Call it after a step and before the optimizer. Not thread-safe: no step may run.
/// </summary>
public static class ReplicaGradients
{
    /// <summary>
    /// Gives every copy of every parameter the sum of the gradients of all copies, in a fixed order, so that
    /// copies stay bit-identical. Two copies are one addition per element.
    /// </summary>
    /// <param name="group">A group whose stages are <see cref="IParameterizedStage"/>.</param>
    /// <exception cref="ArgumentException">
    /// A stage has no parameters to offer, its copies do not have the same ones, or tied ones do not exist or match; no gradient
    /// was changed.
    /// </exception>
    public static void Synchronize(LocalPipelineGroup group)
    {
        ArgumentNullException.ThrowIfNull(group);
        foreach (var copies in ParameterGroups(group))
        {
            var sum = copies[0].Gradient.Span;
            for (var i = 1; i < copies.Count; i++)
            {
                AddInto(sum, copies[i].Gradient.Span);
            }

            for (var i = 1; i < copies.Count; i++)
            {
                sum.CopyTo(copies[i].Gradient.Span);
            }
        }
    }

    /// <summary>Adds two gradient buffers and gives both the sum; for stages that keep their own tensors.</summary>
    /// <param name="first">One copy; afterwards first + second.</param>
    /// <param name="second">The other copy; afterwards the same.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Add(Span<float> first, Span<float> second)
    {
        if (first.Length != second.Length)
        {
            throw new ArgumentException(
                $"second: expected {first.Length} elements, got {second.Length}",
                nameof(second)
            );
        }

        AddInto(first, second);
        first.CopyTo(second);
    }

    /// <summary>
    /// Compares a 64-bit hash of the weights of both copies of every stage. Copies must start equal and stay
    /// so.
    /// </summary>
    /// <param name="group">A group whose stages are <see cref="IParameterizedStage"/>.</param>
    /// <exception cref="PipelineException">Two copies differ; the message names the stage and both hashes.</exception>
    public static void CheckCopiesEqual(LocalPipelineGroup group)
    {
        ArgumentNullException.ThrowIfNull(group);
        for (var stage = 0; stage < group.Schedule.StageCount; stage++)
        {
            var copies = Copies(group, stage);
            var expected = Hash(copies[0]);
            foreach (var copy in copies[1..])
            {
                var actual = Hash(copy);
                if (actual != expected)
                {
                    throw new PipelineException(
                        $"the copies of stage {stage} differ: hash {expected:x16} in direction 0, {actual:x16} in direction 1"
                    );
                }
            }
        }
    }

    /// <summary>64-bit hash over the bits of all weights of a stage.</summary>
    /// <param name="stage">The stage.</param>
    /// <returns>The hash.</returns>
    public static ulong Hash(IParameterizedStage stage)
    {
        ArgumentNullException.ThrowIfNull(stage);
        var hash = 14695981039346656037UL;
        foreach (var parameter in stage.Parameters)
        {
            foreach (var bits in MemoryMarshal.Cast<float, uint>(parameter.Value.Span))
            {
                hash = (hash ^ bits) * 1099511628211UL;
                hash ^= hash >> 29;
            }
        }

        return hash;
    }

    /// <summary>Sets of distinct parameters whose gradients belong together, each with at least two members.</summary>
    private static List<List<PipelineParameter>> ParameterGroups(LocalPipelineGroup group)
    {
        var sets = new Dictionary<ParameterReference, List<PipelineParameter>>();
        for (var stage = 0; stage < group.Schedule.StageCount; stage++)
        {
            var copies = Copies(group, stage);
            foreach (var parameter in copies[0].Parameters)
            {
                if (!sets.TryAdd(new ParameterReference(stage, parameter.Name), [parameter]))
                {
                    throw new ArgumentException(
                        $"stage {stage} has two parameters named '{parameter.Name}'",
                        nameof(group)
                    );
                }
            }

            for (var direction = 1; direction < copies.Length; direction++)
            {
                AddCopy(sets, stage, copies[0], copies[direction], direction);
            }
        }

        foreach (var tie in group.Options.TiedParameters)
        {
            Merge(sets, tie);
        }

        // One buffer may appear several times: two stages of a rank that share a weight.
        return
        [
            .. sets
                .Values.Distinct()
                .Select(set => set.Distinct().ToList())
                .Where(set => set.Count > 1),
        ];
    }

    private static void AddCopy(
        Dictionary<ParameterReference, List<PipelineParameter>> sets,
        int stage,
        IParameterizedStage first,
        IParameterizedStage copy,
        int direction
    )
    {
        foreach (var parameter in copy.Parameters)
        {
            var key = new ParameterReference(stage, parameter.Name);
            if (!sets.TryGetValue(key, out var set) || set.Count != direction)
            {
                throw Mismatch(stage, direction, first, copy);
            }

            if (parameter.Gradient.Length != set[0].Gradient.Length)
            {
                throw new ArgumentException(
                    $"the copies of parameter '{parameter.Name}' of stage {stage}: expected {set[0].Gradient.Length} elements, got {parameter.Gradient.Length} in direction {direction}",
                    nameof(copy)
                );
            }

            set.Add(parameter);
        }

        if (copy.Parameters.Count != first.Parameters.Count)
        {
            throw Mismatch(stage, direction, first, copy);
        }
    }

    private static ArgumentException Mismatch(
        int stage,
        int direction,
        IParameterizedStage first,
        IParameterizedStage copy
    ) =>
        new(
            $"the copies of stage {stage} have different parameters: {Names(first)} in direction 0, {Names(copy)} in direction {direction}",
            nameof(copy)
        );

    private static string Names(IParameterizedStage stage) =>
        string.Join(", ", stage.Parameters.Select(p => $"'{p.Name}'"));

    private static void Merge(
        Dictionary<ParameterReference, List<PipelineParameter>> sets,
        TiedParameters tie
    )
    {
        List<PipelineParameter>? target = null;
        foreach (var member in tie.Members)
        {
            if (!sets.TryGetValue(member, out var set))
            {
                throw new ArgumentException(
                    $"tied parameter '{member.Name}' of stage {member.Stage} does not exist",
                    nameof(tie)
                );
            }

            target ??= set;
            if (ReferenceEquals(set, target))
            {
                continue;
            }

            if (set[0].Gradient.Length != target[0].Gradient.Length)
            {
                throw new ArgumentException(
                    $"tied parameter '{member.Name}' of stage {member.Stage}: expected {target[0].Gradient.Length} elements, got {set[0].Gradient.Length}",
                    nameof(tie)
                );
            }

            target.AddRange(set);
            foreach (var key in sets.Keys.ToList())
            {
                sets[key] = ReferenceEquals(sets[key], set) ? target : sets[key];
            }
        }
    }

    private static IParameterizedStage[] Copies(LocalPipelineGroup group, int stage)
    {
        var schedule = group.Schedule;
        var copies = new IParameterizedStage[schedule.Placement.DirectionCount];
        for (var direction = 0; direction < copies.Length; direction++)
        {
            var microBatch = direction * schedule.MicroBatchesPerDirection;
            var rank = schedule.Placement.RankOf(stage, microBatch);
            var slot = schedule.Placement.SlotOf(rank, stage, microBatch);
            copies[direction] =
                group.StageAt(rank, slot) as IParameterizedStage
                ?? throw new ArgumentException(
                    $"stage {stage} ({group.StageAt(rank, slot).GetType().Name}) is no {nameof(IParameterizedStage)}",
                    nameof(group)
                );
        }

        return copies;
    }

    private static void AddInto(Span<float> target, ReadOnlySpan<float> source) =>
        FloatKernels.Add(source, target);
}
