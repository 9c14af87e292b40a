// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Storage;

namespace DeepInfra.Pond.Execution;

/// <summary>Collects what each plan node did. Thread-safe.</summary>
internal sealed class StageStatistics
{
    private readonly Lock _lock = new();
    private readonly Dictionary<int, PondStage> _stages = [];

    private readonly ObservationTable _observations = new();

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
            _observations.Add(task, result.Observations);
        }
    }

    /// <summary>Values from the manifest of an output that was finished by an earlier run.</summary>
    /// <param name="commit">The manifest's entry for the output.</param>
    /// <param name="tasks">The tasks that would make the output again.</param>
    public void Restore(OutputCommit commit, IReadOnlyList<PondTask> tasks)
    {
        var values = new Dictionary<string, Dictionary<string, double>>(StringComparer.Ordinal);
        foreach (var measured in commit.Measured)
        {
            values[measured.Key] = measured.Values;
        }

        lock (_lock)
        {
            foreach (var task in tasks.Where(t => t.Work.Measures))
            {
                if (values.TryGetValue(task.Key, out var restored))
                {
                    _observations.Restore(task, restored, commit.CommittedUtc);
                }
            }
        }
    }

    /// <summary>Values that the store has about a task which an earlier run has done and which this one skips.</summary>
    public void Restore(PondTask task, TaskManifest manifest)
    {
        lock (_lock)
        {
            _observations.Restore(task, manifest.Observations, manifest.CommittedUtc);
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
            return _observations.Sums();
        }
    }

    /// <summary>What the tasks of one plan measured, in this run or an earlier one.</summary>
    public List<TaskMeasurement> Measured(IReadOnlyList<PondTask> tasks)
    {
        lock (_lock)
        {
            return _observations.Of(tasks);
        }
    }
}
