// SPDX-License-Identifier: MIT
using EndToEnd;

namespace DeepInfra.EndToEnd.Tests;

/// <summary>A stop or a lost storage node at the begin of each phase, and runs after it on the same cluster.</summary>
public sealed class FailureTests
{
    [Fact]
    [Trait("Category", "Slow")]
    public async Task Cancel_InEachPhase_StopsThereAndTheNextRunPasses()
    {
        await using var cluster = await DemoCluster.StartAsync();
        var phases = new List<string>();
        await RunAsync(cluster, phases.Add);

        foreach (var phase in phases)
        {
            using var stop = new CancellationTokenSource();
            var reached = "";
            var stopped = () =>
                RunAsync(
                    cluster,
                    started =>
                    {
                        reached = started;
                        if (started == phase)
                            stop.Cancel();
                    },
                    stop.Token
                );

            await stopped
                .Should()
                .ThrowAsync<OperationCanceledException>($"of the stop in '{phase}'");

            reached.Should().Be(phase);
            cluster.Scratch.Should().BeEmpty();
        }

        await RunAsync(cluster);
    }

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData(Phases.Upload)]
    [InlineData(Phases.Prepare)]
    [InlineData(Phases.ValidateUntrained)]
    [InlineData(Phases.Save)]
    [InlineData(Phases.Load)]
    [InlineData(Phases.Offload)]
    public async Task StorageNode_KilledInAPhase_IsReportedAndTheNextRunPasses(string phase)
    {
        await using var cluster = await DemoCluster.StartAsync(patience: TimeSpan.FromSeconds(3));
        Exception? failure = null;
        try
        {
            await RunAsync(
                cluster,
                started =>
                {
                    if (started == phase)
                        cluster.Cluster.StopNodeAsync(0, graceful: false).GetAwaiter().GetResult();
                }
            );
        }
        catch (Exception e)
        {
            failure = e;
        }

        failure.Should().NotBeNull();
        Application.IsExpected(failure!).Should().BeTrue($"of {failure}");
        // The file, chunk or chain that could not be reached.
        Application.Describe(failure!).Should().MatchRegex("/|chunk|chain|target");

        await cluster.Cluster.StartNodeAsync(0);
        await RunAsync(cluster);
    }

    private static async Task RunAsync(
        DemoCluster cluster,
        Action<string>? started = null,
        CancellationToken cancellationToken = default
    )
    {
        var (run, meters) = cluster.NewRun(null, started, cancellationToken);
        using (meters)
            await Flows.RunAsync(run);
        run.Verdicts.All.Should().HaveCountGreaterThan(20).And.OnlyContain(v => v.Passed);
    }
}
