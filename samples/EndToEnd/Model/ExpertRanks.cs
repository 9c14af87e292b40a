// SPDX-License-Identifier: MIT
using DeepInfra.Core;
using DeepInfra.Ep;

namespace EndToEnd.Model;

/// <summary>Groups and buffers of expert ranks in this process.</summary>
internal static class ExpertRanks
{
    /// <summary>Most tokens that one rank sends in one operation.</summary>
    public const int MaxTokens = 1024;

    public static ExpertParallelGroup[] CreateGroup(ModelConfig config) =>
        ExpertParallelGroup.CreateInProcess(config.ExpertRanks);

    public static ThroughputBuffer[] CreateBuffers(
        ModelConfig config,
        ExpertParallelGroup[] group
    ) =>
        OnEveryRank(
            group,
            g =>
                ThroughputBuffer.Create(
                    g,
                    new ThroughputBufferOptions
                    {
                        MaxTokensPerRank = MaxTokens,
                        Hidden = config.Width,
                        LargestElement = DType.Float32,
                        MaxTopK = config.ExpertsPerToken,
                    }
                )
        );

    /// <summary>Creation is collective: every rank must take part at the same time.</summary>
    public static T[] OnEveryRank<T>(
        ExpertParallelGroup[] group,
        Func<ExpertParallelGroup, T> create
    ) =>
        Task.WhenAll(
                group.Select(g =>
                    Task.Factory.StartNew(
                        () => create(g),
                        CancellationToken.None,
                        TaskCreationOptions.LongRunning,
                        TaskScheduler.Default
                    )
                )
            )
            .GetAwaiter()
            .GetResult();
}
