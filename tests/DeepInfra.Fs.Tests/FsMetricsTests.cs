// SPDX-License-Identifier: MIT
using System.Diagnostics.Metrics;
using DeepInfra.Fs.Tests.Fakes;

namespace DeepInfra.Fs.Tests;

public sealed class FsMetricsTests
{
    [Fact]
    public async Task Meter_ReadsAndWrites_AreCounted()
    {
        // Other tests run beside this one: only lower bounds hold.
        var sums = new Dictionary<string, double>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name == "DeepInfra.Fs")
            {
                l.EnableMeasurementEvents(instrument);
            }
        };
        void Add(string name, double value)
        {
            lock (sums)
            {
                sums[name] = sums.GetValueOrDefault(name) + value;
            }
        }

        listener.SetMeasurementEventCallback<long>((i, v, _, _) => Add(i.Name, v));
        listener.SetMeasurementEventCallback<double>((i, v, _, _) => Add(i.Name, 1));
        listener.Start();
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();
        await using var file = await client.OpenAsync(
            "f",
            FileMode.CreateNew,
            FileAccess.ReadWrite
        );
        await file.WriteAsync(new byte[1000], 0);
        await file.ReadAsync(new byte[100], 0);
        await file.ReadAsync(new byte[100], 100);
        await file.ReadAsync(new byte[100], 700);
        await file.ReadBatchAsync([new FileRead(10, new byte[5]), new FileRead(500, new byte[5])]);

        lock (sums)
        {
            sums["deepinfra.fs.bytes_written"].Should().BeGreaterThanOrEqualTo(1000);
            sums["deepinfra.fs.bytes_read"].Should().BeGreaterThanOrEqualTo(310);
            sums["deepinfra.fs.reads"].Should().BeGreaterThanOrEqualTo(5);
            sums["deepinfra.fs.random_reads"].Should().BeGreaterThanOrEqualTo(3);
            sums["deepinfra.fs.writes"].Should().BeGreaterThanOrEqualTo(1);
            sums["deepinfra.fs.requests"].Should().BeGreaterThanOrEqualTo(6);
            sums["deepinfra.fs.request.duration"].Should().BeGreaterThanOrEqualTo(6);
        }
    }
}
