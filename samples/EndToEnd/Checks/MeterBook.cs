// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace EndToEnd.Checks;

/// <summary>Sums the packages' counters by instrument and operation.</summary>
internal sealed class MeterBook : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, long> _sums = new();

    public MeterBook()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (
                instrument.Meter.Name.StartsWith("DeepInfra.", StringComparison.Ordinal)
                && instrument is Counter<long>
            )
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>(
            (instrument, value, tags, _) =>
            {
                var operation = "";
                foreach (var (key, tag) in tags)
                    if (key is "operation" or "mode" or "backend")
                        operation = $"/{tag}";
                _sums.AddOrUpdate(instrument.Name + operation, value, (_, sum) => sum + value);
            }
        );
        _listener.Start();
    }

    public IReadOnlyDictionary<string, long> Sums => _sums;

    public IReadOnlyDictionary<string, long> Snapshot() => _sums.ToDictionary();

    /// <summary>What was counted after a snapshot.</summary>
    public IReadOnlyDictionary<string, long> Since(IReadOnlyDictionary<string, long> earlier) =>
        _sums
            .Select(s => (s.Key, Value: s.Value - earlier.GetValueOrDefault(s.Key)))
            .Where(s => s.Value != 0)
            .ToDictionary(s => s.Key, s => s.Value);

    public void Dispose() => _listener.Dispose();
}
