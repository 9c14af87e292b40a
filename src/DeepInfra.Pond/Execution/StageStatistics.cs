// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Execution;

/// <summary>Collects what each plan node did. Thread-safe.</summary>
internal sealed class StageStatistics
{
    private readonly Lock _lock = new();
    private readonly Dictionary<int, PondStage> _stages = [];

    /// <summary>What earlier runs measured, by stage, until this one measures the same work.</summary>
    private readonly Dictionary<string, RestoredStage> _restored = new(StringComparer.Ordinal);

    /// <summary>What tasks measured, by key: a result that serves several frames counts once.</summary>
    private readonly Dictionary<string, Measurement> _measured = new(StringComparer.Ordinal);

    /// <summary>The key behind each partition of a node; computed anew, it has another one.</summary>
    private readonly Dictionary<(int Node, int Partition), string> _latest = [];

    public void Finished(PondTask task, TaskOutput? output, double seconds)
    {
        var result = output ?? task.Output!;
        lock (_lock)
        {
            var node = task.Node;
            var stage =
                _stages.GetValueOrDefault(node.Id)
                ?? new PondStage(node.Id, node.Kind, node.Name, 0, 0, 0, 0, 0);
            _stages[node.Id] = stage with
            {
                TasksDone = stage.TasksDone + (output is null ? 0 : 1),
                TasksReused = stage.TasksReused + (output is null ? 1 : 0),
                RowsOut = stage.RowsOut + (task.Work.MetadataOnly ? 0 : Math.Max(0, result.Rows)),
                BytesOut = stage.BytesOut + (task.Work.MetadataOnly ? 0 : result.Bytes),
                TaskSeconds = stage.TaskSeconds + seconds,
            };
            Measured(task, result.Observations);
        }
    }

    /// <summary>Values from the manifest of an output that was finished by an earlier run.</summary>
    /// <param name="observations">Values by stage.</param>
    /// <param name="tasks">The tasks that would make the output again.</param>
    public void Restore(
        IReadOnlyDictionary<string, Dictionary<string, double>> observations,
        IReadOnlyList<PondTask> tasks
    )
    {
        lock (_lock)
        {
            foreach (var (stage, values) in observations)
            {
                if (_measured.Values.All(m => m.Stage != stage))
                {
                    var makers = tasks.Where(t => StageOf(t) == stage).ToArray();
                    _restored.TryAdd(
                        stage,
                        new RestoredStage(
                            new Dictionary<string, double>(values, StringComparer.Ordinal),
                            makers.Select(t => t.Node.Id).ToHashSet(),
                            makers.Select(t => t.Key).ToHashSet(StringComparer.Ordinal)
                        )
                    );
                }
            }
        }
    }

    public IReadOnlyList<PondStage> Stages()
    {
        lock (_lock)
        {
            return _stages.Values.OrderBy(s => s.NodeId).ToArray();
        }
    }

    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>> Observations()
    {
        lock (_lock)
        {
            var sums = _restored.ToDictionary(
                r => r.Key,
                r => new Dictionary<string, double>(r.Value.Values, StringComparer.Ordinal),
                StringComparer.Ordinal
            );
            foreach (var measurement in _measured.Values)
            {
                if (!sums.TryGetValue(measurement.Stage, out var values))
                {
                    sums[measurement.Stage] = values = new Dictionary<string, double>(
                        StringComparer.Ordinal
                    );
                }

                foreach (var (name, value) in measurement.Values)
                {
                    values[name] = values.GetValueOrDefault(name) + value;
                }
            }

            return sums.ToDictionary(
                s => s.Key,
                s => (IReadOnlyDictionary<string, double>)s.Value,
                StringComparer.Ordinal
            );
        }
    }

    private void Measured(PondTask task, IReadOnlyDictionary<string, double> values)
    {
        if (values.Count == 0)
        {
            return;
        }

        var stage = StageOf(task);
        if (_restored.TryGetValue(stage, out var restored) && restored.IsOf(task))
        {
            // Another action does the work of the earlier run again, which counts once.
            _restored.Remove(stage);
        }

        var place = (task.Node.Id, task.Partition);
        if (_latest.TryGetValue(place, out var before) && before != task.Key)
        {
            // The same rows, measured again.
            var places = _measured[before].Places;
            places.Remove(place);
            if (places.Count == 0)
            {
                _measured.Remove(before);
            }
        }

        _latest[place] = task.Key;
        if (!_measured.TryGetValue(task.Key, out var measurement))
        {
            _measured[task.Key] = measurement = new Measurement(stage, values);
        }

        measurement.Places.Add(place);
    }

    private static string StageOf(PondTask task) => task.Node.Name ?? task.Node.Kind;

    private sealed record RestoredStage(
        Dictionary<string, double> Values,
        HashSet<int> Nodes,
        HashSet<string> Keys
    )
    {
        /// <summary>Whether a task does the same work; of a stage that no known task makes, every task does.</summary>
        public bool IsOf(PondTask task) =>
            Nodes.Count == 0 || Nodes.Contains(task.Node.Id) || Keys.Contains(task.Key);
    }

    private sealed record Measurement(string Stage, IReadOnlyDictionary<string, double> Values)
    {
        public HashSet<(int Node, int Partition)> Places { get; } = [];
    }
}
