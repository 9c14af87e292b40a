// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Execution;

/// <summary>Collects what each plan node did. Thread-safe.</summary>
internal sealed class StageStatistics
{
    private readonly Lock _lock = new();
    private readonly Dictionary<int, PondStage> _stages = [];
    private readonly Dictionary<string, Dictionary<string, double>> _observations = new(
        StringComparer.Ordinal
    );
    private readonly HashSet<string> _observed = new(StringComparer.Ordinal);

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
            if (result.Observations.Count > 0 && _observed.Add(task.Key))
            {
                var values = Values(node.Name ?? node.Kind);
                foreach (var (name, value) in result.Observations)
                {
                    values[name] = values.GetValueOrDefault(name) + value;
                }
            }
        }
    }

    /// <summary>Values from the manifest of an output that was finished by an earlier run.</summary>
    public void Restore(IReadOnlyDictionary<string, Dictionary<string, double>> observations)
    {
        lock (_lock)
        {
            foreach (var (stage, values) in observations)
            {
                _observations.TryAdd(
                    stage,
                    new Dictionary<string, double>(values, StringComparer.Ordinal)
                );
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
            return _observations.ToDictionary(
                o => o.Key,
                o => (IReadOnlyDictionary<string, double>)new Dictionary<string, double>(o.Value),
                StringComparer.Ordinal
            );
        }
    }

    private Dictionary<string, double> Values(string stage)
    {
        if (!_observations.TryGetValue(stage, out var values))
        {
            _observations[stage] = values = new Dictionary<string, double>(StringComparer.Ordinal);
        }

        return values;
    }
}
