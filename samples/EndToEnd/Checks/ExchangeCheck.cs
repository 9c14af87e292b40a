// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Ep;
using EndToEnd.Model;

namespace EndToEnd.Checks;

/// <summary>
/// Rows that are dispatched and combined unchanged come back multiplied by the number of ranks they went to, bit for bit.
/// </summary>
internal static class ExchangeCheck
{
    public static void Run(ModelConfig config, Verdicts verdicts)
    {
        const int tokens = 200;
        var group = ExpertRanks.CreateGroup(config);
        var buffers = ExpertRanks.CreateBuffers(config, group);
        var wrong = new int[config.ExpertRanks];
        using (var team = new RankTeam("exchange", config.ExpertRanks))
            team.Run(rank => wrong[rank] = CountWrong(config, buffers[rank], rank, tokens));
        foreach (var buffer in buffers)
            buffer.Dispose();
        foreach (var member in group)
            member.Dispose();
        verdicts.Add(
            "Combine undoes dispatch",
            wrong.Sum() == 0,
            FormattableString.Invariant(
                $"{wrong.Sum()} of {config.ExpertRanks * tokens * config.Width:#,0} values differ"
            )
        );
    }

    private static int CountWrong(ModelConfig config, ThroughputBuffer buffer, int rank, int tokens)
    {
        var random = new Random(rank);
        using var x = Tensor<float>.Create([tokens, config.Width]);
        using var chosen = Tensor<long>.Create([tokens, config.ExpertsPerToken]);
        using var weights = Tensor<float>.Create([tokens, config.ExpertsPerToken]);
        foreach (ref var value in x.AsSpan())
            value = (float)(random.NextDouble() - 0.5);
        for (var t = 0; t < tokens; t++)
        {
            var first = random.Next(config.Experts);
            chosen[t, 0] = first;
            chosen[t, 1] = (first + 1 + random.Next(config.Experts - 1)) % config.Experts;
        }
        using var dispatched = buffer.Dispatch(
            new DispatchInput(x, chosen, weights) { Experts = config.Experts },
            new DispatchOptions()
        );
        using var handle = dispatched.Handle;
        using var combined = buffer.Combine(dispatched.X, handle, new CombineOptions());
        var y = combined.X.As<float>();
        var wrong = 0;
        for (var t = 0; t < tokens; t++)
        {
            var ranks =
                chosen[t, 0] / config.LocalExperts == chosen[t, 1] / config.LocalExperts ? 1 : 2;
            for (var i = 0; i < config.Width; i++)
                wrong += y[t, i] == ranks * x[t, i] ? 0 : 1;
        }
        return wrong;
    }
}
