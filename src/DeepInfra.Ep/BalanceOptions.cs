// SPDX-License-Identifier: MIT
namespace DeepInfra.Ep;

/// <summary>What an expert placement must fit. Immutable.</summary>
public sealed record BalanceOptions
{
    /// <summary>Physical experts P over all GPUs: a multiple of <see cref="Gpus"/>, at least the number of logical experts.</summary>
    public required int Replicas { get; init; }

    /// <summary>Number of GPUs G.</summary>
    public required int Gpus { get; init; }

    /// <summary>Number of nodes N that the GPUs are divided into.</summary>
    public int Nodes { get; init; } = 1;

    /// <summary>
    /// Number of expert groups g. If the nodes divide it, replicas of a group stay on one node (hierarchical
    /// policy, for prefill); else experts go anywhere (global policy, for decode).
    /// </summary>
    public int Groups { get; init; } = 1;

    /// <summary>Whether the hierarchical policy applies.</summary>
    public bool IsHierarchical => Nodes >= 1 && Groups % Nodes == 0;

    internal void Validate(long experts)
    {
        Require(experts >= 1, $"loads: expected at least 1 expert, got {experts}", "loads");
        Require(Gpus >= 1, $"options.Gpus: expected a value >= 1, got {Gpus}", "options");
        Require(Nodes >= 1, $"options.Nodes: expected a value >= 1, got {Nodes}", "options");
        Require(Groups >= 1, $"options.Groups: expected a value >= 1, got {Groups}", "options");
        Require(
            Replicas >= experts && Replicas % Gpus == 0,
            $"options.Replicas: expected a multiple of {Gpus} GPUs, at least {experts}, got {Replicas}",
            "options"
        );
        if (!IsHierarchical)
            return;
        Require(
            experts % Groups == 0,
            $"options.Groups: expected a divisor of {experts} experts, got {Groups}",
            "options"
        );
        Require(
            Gpus % Nodes == 0,
            $"options.Nodes: expected a divisor of {Gpus} GPUs, got {Nodes}",
            "options"
        );
    }

    private static void Require(bool condition, string message, string paramName)
    {
        if (!condition)
            throw new ArgumentException(message, paramName);
    }
}
