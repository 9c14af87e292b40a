// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Diagnostics;
using DeepInfra.Fs.Tests.Fakes;
using DeepInfra.Fs.Wire;
using DeepInfra.Testing;

namespace DeepInfra.Fs.Tests;

/// <summary>Traces. Alone, because a listener sees the calls of every test that runs beside it.</summary>
[Collection(nameof(ActivityTests))]
[CollectionDefinition(nameof(ActivityTests), DisableParallelization = true)]
public sealed class ActivityTests
{
    [Fact]
    public async Task Calls_WithListener_AreTracedWithServerAndOutcome()
    {
        var activities = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = s => s.Name == "DeepInfra.Fs",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) =>
                ActivitySamplingResult.AllData,
            ActivityStopped = activities.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        await using var cluster = new FakeCluster();
        await using var client = await cluster.ConnectAsync();

        await client.TryGetInfoAsync("missing");

        var stat = activities.Should().ContainSingle(a => a.OperationName == "3fs/Stat").Which;
        stat.Kind.Should().Be(ActivityKind.Client);
        stat.GetTagItem("server.port").Should().Be(cluster.MetaListener.EndPoint.Port);
        stat.GetTagItem("deepinfra.fs.status").Should().Be((int)StatusCode.MetaNotFound);
        stat.Status.Should().Be(ActivityStatusCode.Error);
        activities.Should().Contain(a => a.OperationName == "3fs/GetRoutingInfo");
    }

    [Fact]
    public void StartCall_NobodyListens_AllocatesNothing()
    {
        var address = NodeAddress.TryParse("127.0.0.1:8000", out var parsed) ? parsed : default;

        var bytes = AllocationMeasure.OfWarm(() =>
            _ = FsActivities.HasListeners ? FsActivities.StartCall<StatReq>(address) : null
        );

        bytes.Should().Be(0);
    }
}
