// SPDX-License-Identifier: MIT
using DeepInfra.Pond.Storage;
using Place = (int Node, int Partition);

namespace DeepInfra.Pond.Execution;

/// <summary>
/// What the tasks of a session measured, and what is stored about the same tasks of earlier runs. Every partition
/// of a step counts with one result, and a result that serves several partitions counts once, so a task's value
/// is replaced at once, whatever the other tasks of its stage do. Not thread-safe.
/// </summary>
internal sealed class ObservationTable
{
    /// <summary>The rank of what this run measured: above everything restored.</summary>
    private static readonly DateTimeOffset s_now = DateTimeOffset.MaxValue;

    /// <summary>The result behind each partition of a node; computed anew, it may have another key.</summary>
    private readonly Dictionary<Place, Result> _latest = [];
    private readonly Dictionary<string, Measurement> _measured = new(StringComparer.Ordinal);

    /// <summary>Takes what a task of this run measured, in place of what is known about its partition.</summary>
    public void Add(PondTask task, IReadOnlyDictionary<string, double> values)
    {
        if (task.Work.Measures)
        {
            Set(task, values, s_now);
        }
    }

    /// <summary>
    /// Takes what a task measured in an earlier run. Whatever this run measures replaces it, before or after; of
    /// two earlier results the later one counts.
    /// </summary>
    public void Restore(
        PondTask task,
        IReadOnlyDictionary<string, double> values,
        DateTimeOffset when
    ) => Set(task, values, when);

    /// <summary>What is known about the tasks of one plan, for the manifest of its output.</summary>
    public List<TaskMeasurement> Of(IReadOnlyList<PondTask> tasks)
    {
        var list = new List<TaskMeasurement>();
        foreach (var task in tasks.Where(t => t.Work.Measures).DistinctBy(t => t.Key))
        {
            // A task that did not have to run may be known from another plan that measured the same rows.
            if (
                !_measured.TryGetValue(task.Key, out var known)
                && _latest.TryGetValue(PlaceOf(task), out var latest)
            )
            {
                known = _measured[latest.Key];
            }

            if (known is { Values.Count: > 0 })
            {
                list.Add(
                    new TaskMeasurement
                    {
                        Key = task.Key,
                        Stage = StageOf(task),
                        Values = new Dictionary<string, double>(known.Values),
                    }
                );
            }
        }

        return list;
    }

    /// <summary>Sums by stage, then by value name.</summary>
    public Dictionary<string, IReadOnlyDictionary<string, double>> Sums()
    {
        var sums = new SortedDictionary<string, Dictionary<string, double>>(StringComparer.Ordinal);
        foreach (var measurement in _measured.Values.Where(m => m.Values.Count > 0))
        {
            // Which of its steps comes first does not depend on which was computed first.
            var stage = _latest[measurement.Places.Min].Stage;
            if (!sums.TryGetValue(stage, out var sum))
            {
                sums[stage] = sum = new Dictionary<string, double>(StringComparer.Ordinal);
            }

            foreach (var (name, value) in measurement.Values)
            {
                sum[name] = sum.GetValueOrDefault(name) + value;
            }
        }

        return sums.ToDictionary(
            s => s.Key,
            s => (IReadOnlyDictionary<string, double>)s.Value,
            StringComparer.Ordinal
        );
    }

    private void Set(PondTask task, IReadOnlyDictionary<string, double> values, DateTimeOffset when)
    {
        var place = PlaceOf(task);
        if (_latest.TryGetValue(place, out var before))
        {
            if (IsOlder(task.Key, when, before))
            {
                return;
            }

            if (before.Key != task.Key)
            {
                // The same rows, measured again.
                var places = _measured[before.Key].Places;
                places.Remove(place);
                if (places.Count == 0)
                {
                    _measured.Remove(before.Key);
                }
            }
        }

        _latest[place] = new Result(task.Key, StageOf(task), when);
        if (!_measured.TryGetValue(task.Key, out var measurement))
        {
            _measured[task.Key] = measurement = new Measurement(values, when);
        }
        else if (when >= measurement.When)
        {
            measurement.Values = values;
            measurement.When = when;
        }

        measurement.Places.Add(place);
    }

    /// <summary>Of results of the same time the key decides, so that their order does not.</summary>
    private static bool IsOlder(string key, DateTimeOffset when, Result than) =>
        when != s_now
        && (when != than.When ? when < than.When : string.CompareOrdinal(key, than.Key) < 0);

    private static Place PlaceOf(PondTask task) => (task.Node.Id, task.Partition);

    private static string StageOf(PondTask task) => task.Node.Name ?? task.Node.Kind;

    private readonly record struct Result(string Key, string Stage, DateTimeOffset When);

    private sealed class Measurement(
        IReadOnlyDictionary<string, double> values,
        DateTimeOffset when
    )
    {
        public IReadOnlyDictionary<string, double> Values { get; set; } = values;

        public DateTimeOffset When { get; set; } = when;

        public SortedSet<Place> Places { get; } = [];
    }
}
