// SPDX-License-Identifier: MIT
namespace DeepInfra.Pond.Storage;

/// <summary>The <c>plan.json</c> of a job: what the last action was going to do.</summary>
internal sealed class PlanDocument
{
    public int V { get; set; } = 1;

    public string Job { get; set; } = "";

    public string? Name { get; set; }

    public DateTimeOffset CreatedUtc { get; set; }

    public string Engine { get; set; } = "";

    public long Seed { get; set; }

    public string Action { get; set; } = "";

    public List<PlanDocumentNode> Nodes { get; set; } = [];

    public int Tasks { get; set; }
}

internal sealed class PlanDocumentNode
{
    public int Id { get; set; }

    public string Kind { get; set; } = "";

    public string? Name { get; set; }

    public string Text { get; set; } = "";

    public List<int> Inputs { get; set; } = [];

    public int Partitions { get; set; }

    public string? Source { get; set; }
}
