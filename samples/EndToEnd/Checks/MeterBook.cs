// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace EndToEnd.Checks;

/// <summary>
/// Sums the packages' counters by instrument and operation. The run fails if a phase did not go through its package.
/// </summary>
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

    /// <summary>Sum of all counters whose name begins with the text.</summary>
    public long Total(string prefix) =>
        _sums.Where(s => s.Key.StartsWith(prefix, StringComparison.Ordinal)).Sum(s => s.Value);

    public void Dispose() => _listener.Dispose();
}
