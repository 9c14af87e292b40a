// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Execution;

/// <summary>The tasks below the roots of one action.</summary>
internal sealed class ActionPlan
{
    private List<PondTask> _held = [];

    public ActionPlan(IReadOnlyList<TaskInput>[] roots, IReadOnlyList<PondTask> sideTasks)
    {
        Roots = roots;
        Ends = roots
            .SelectMany(r => r)
            .SelectMany(p => p.Slots)
            .Select(s => s.Task)
            .Concat(sideTasks)
            .Distinct()
            .ToArray();
        Owners = FindOwners(roots.SelectMany(r => r).SelectMany(p => p.Slots).Select(s => s.Task));
        Tasks = Reachable();
    }

    public IReadOnlyList<TaskInput>[] Roots { get; }

    /// <summary>Tasks that the action asks for.</summary>
    public IReadOnlyList<PondTask> Ends { get; }

    /// <summary>
    /// Tasks whose files the roots consist of, and the metadata tasks between them and the roots.
    /// </summary>
    public IReadOnlyList<PondTask> Owners { get; }

    public IReadOnlyList<PondTask> Tasks { get; }

    /// <summary>
    /// Looks for committed results, from the ends downwards, and returns the tasks that are needed: those
    /// with a result, and those that have to run.
    /// </summary>
    public IReadOnlyList<PondTask> Load(JobRuntime job)
    {
        var needed = new HashSet<PondTask>();
        var stack = new Stack<PondTask>(Ends);
        while (stack.TryPop(out var task))
        {
            if (!needed.Add(task))
            {
                continue;
            }

            if (!task.Work.MetadataOnly)
            {
                job.Hold(task.Key);
                _held.Add(task);
                task.Output = job.Store.TryLoad(task);
            }

            if (task.Output is null)
            {
                foreach (var producer in task.Producers)
                {
                    stack.Push(producer);
                }
            }
        }

        if (DropMismatched(needed))
        {
            // Whatever those results made unnecessary is needed after all.
            Unhold(job);
            foreach (var task in needed.Where(t => t.Output is not null))
            {
                task.Output = null;
                task.Released = false;
            }

            return Load(job);
        }

        var id = 0;
        foreach (var task in Tasks)
        {
            task.Id = id++;
            if (
                task.Work.Measures
                && !needed.Contains(task)
                && job.Store.TryLoadMeasured(task) is { } earlier
            )
            {
                job.Statistics.Restore(task, earlier);
            }
        }

        // Tasks is in creation order, producers first.
        return Tasks.Where(needed.Contains).ToArray();
    }

    public void Unhold(JobRuntime job)
    {
        foreach (var task in _held.Where(t => !t.Released && !t.Retain))
        {
            job.Unhold(task.Key);
        }

        _held = [];
    }

    /// <summary>
    /// Range partitions of one step must have used the same split points. They always have, unless stored
    /// results were damaged; then all of them are computed again.
    /// </summary>
    private static bool DropMismatched(HashSet<PondTask> needed)
    {
        var dropped = false;
        foreach (
            var group in needed
                .Where(t => t.Work is ShuffleWork { ExpressionFromPayload: not null })
                .GroupBy(t => t.Node)
        )
        {
            var loaded = group.Where(t => t.Output is not null).ToArray();
            if (loaded.Length == 0)
            {
                continue;
            }

            var boundaries = group.First().Inputs[1].Slots[0].Task.Output;
            var expected = boundaries is null
                ? null
                : new KeyBuilder().Add(boundaries.Payload).Build();
            var partial = loaded.Length < group.Count();
            if (
                loaded.Select(t => t.Output!.Payload).Distinct().Count() > 1
                || (partial && loaded[0].Output!.Payload != expected)
            )
            {
                dropped = true;
                foreach (var task in loaded)
                {
                    Storage.DirectoryTools.TryDelete(task.Output!.Directory!);
                }
            }
        }

        return dropped;
    }

    private static List<PondTask> FindOwners(IEnumerable<PondTask> tasks)
    {
        var seen = new HashSet<PondTask>();
        var stack = new Stack<PondTask>(tasks);
        while (stack.TryPop(out var task))
        {
            if (seen.Add(task) && task.Work.MetadataOnly)
            {
                foreach (var producer in task.Producers)
                {
                    stack.Push(producer);
                }
            }
        }

        return [.. seen];
    }

    private List<PondTask> Reachable()
    {
        var order = new List<PondTask>();
        var seen = new HashSet<PondTask>();
        var stack = new Stack<(PondTask Task, bool Expanded)>(
            Ends.Reverse().Select(t => (t, false))
        );
        while (stack.TryPop(out var item))
        {
            if (item.Expanded)
            {
                order.Add(item.Task);
                continue;
            }

            if (!seen.Add(item.Task))
            {
                continue;
            }

            stack.Push((item.Task, true));
            for (var i = item.Task.Producers.Count - 1; i >= 0; i--)
            {
                stack.Push((item.Task.Producers[i], false));
            }
        }

        return order;
    }
}
