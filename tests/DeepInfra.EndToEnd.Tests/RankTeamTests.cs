// SPDX-License-Identifier: MIT
using EndToEnd.Model;

namespace DeepInfra.EndToEnd.Tests;

public sealed class RankTeamTests
{
    [Fact]
    public void Run_FirstRankFails_WaitsForTheOthers()
    {
        using var team = new RankTeam("test", 3);
        var done = 0;

        var run = () =>
            team.Run(rank =>
            {
                if (rank == 0)
                    throw new InvalidOperationException("rank 0");
                Thread.Sleep(100);
                Interlocked.Increment(ref done);
            });

        run.Should().Throw<InvalidOperationException>().WithMessage("rank 0");
        done.Should().Be(2);
        team.Run(_ => Interlocked.Increment(ref done));
        done.Should().Be(5);
    }
}
