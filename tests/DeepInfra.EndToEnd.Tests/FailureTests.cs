// SPDX-License-Identifier: MIT
using DeepInfra.Testing;
using EndToEnd;

namespace DeepInfra.EndToEnd.Tests;

/// <summary>A stop or a lost storage node at the begin of each phase, and runs after it on the same cluster.</summary>
[Collection("live tensors")]
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

    [Fact]
    public Task StorageNode_KilledBeforeTheCheckpoint_IsReportedAndTheNextRunPasses() =>
        KillThenRunAgainAsync(Phases.Save, nodes: 1);

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData(Phases.Upload, 1)]
    [InlineData(Phases.Prepare, 1)]
    [InlineData(Phases.ValidateUntrained, 1)]
    [InlineData(Phases.Load, 1)]
    // Its one small file lies on one of the nodes, whichever the placement drew.
    [InlineData(Phases.Offload, 2)]
    public Task StorageNode_KilledInAPhase_IsReportedAndTheNextRunPasses(string phase, int nodes) =>
        KillThenRunAgainAsync(phase, nodes);

    private static async Task KillThenRunAgainAsync(string phase, int nodes)
    {
        await using var cluster = await DemoCluster.StartAsync(patience: TimeSpan.FromSeconds(3));
        Exception? failure = null;
        try
        {
            await RunAsync(
                cluster,
                started =>
                {
                    if (started != phase)
                        return;
                    for (var node = 0; node < nodes; node++)
                        cluster
                            .Cluster.StopNodeAsync(node, graceful: false)
                            .GetAwaiter()
                            .GetResult();
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

        for (var node = 0; node < nodes; node++)
            await cluster.Cluster.StartNodeAsync(node);
        await RunAsync(cluster);
    }

    private static async Task RunAsync(
        DemoCluster cluster,
        Action<string>? started = null,
        CancellationToken cancellationToken = default
    )
    {
        using var input = new TempDirectory();
        File.WriteAllText(
            input.Combine("a.jsonl"),
            SampleText.Lines(SampleText.Take(SampleText.EnoughDocuments))
        );
        var (run, meters) = cluster.NewRun(input.Path, started, cancellationToken);
        using (meters)
            await Flows.RunAsync(run);
        run.Verdicts.All.Should().HaveCountGreaterThan(20).And.OnlyContain(v => v.Passed);
    }
}
