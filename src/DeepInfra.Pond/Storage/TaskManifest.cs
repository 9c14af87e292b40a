// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;

namespace DeepInfra.Pond.Storage;

/// <summary>What a committed task stored, as JSON next to its files.</summary>
internal sealed class TaskManifest
{
    public int V { get; set; } = 1;

    public string Key { get; set; } = "";

    public string Node { get; set; } = "";

    public int Partition { get; set; }

    public string Engine { get; set; } = "";

    public DateTimeOffset CommittedUtc { get; set; }

    public int Slots { get; set; }

    public List<ManifestColumn>? Schema { get; set; }

    public List<ManifestFile> Files { get; set; } = [];

    public string? Payload { get; set; }

    public Dictionary<string, double> Observations { get; set; } = [];
}

internal sealed class ManifestColumn
{
    public string Name { get; set; } = "";

    public string Type { get; set; } = "";
}

internal sealed class ManifestFile
{
    public string Name { get; set; } = "";

    public int Slot { get; set; }

    public long Rows { get; set; }

    public long Bytes { get; set; }

    public string? Xxh3128 { get; set; }
}

/// <summary>What a written output directory holds; file <c>_manifest.json</c> in it.</summary>
internal sealed class OutputManifest
{
    public int V { get; set; } = 1;

    public List<OutputCommit> Commits { get; set; } = [];

    public List<ManifestColumn> Schema { get; set; } = [];

    public List<ManifestFile> Files { get; set; } = [];

    public long Rows { get; set; }

    public long Bytes { get; set; }

    /// <summary>Length of every record, for outputs of fixed-length records.</summary>
    public int? RecordBytes { get; set; }
}

internal sealed class OutputCommit
{
    public string Job { get; set; } = "";

    public string Key { get; set; } = "";

    public DateTimeOffset CommittedUtc { get; set; }

    /// <summary>What the tasks that made the output measured.</summary>
    public List<TaskMeasurement> Measured { get; set; } = [];
}

/// <summary>Values that one task measured, by name.</summary>
internal sealed class TaskMeasurement
{
    public string Key { get; set; } = "";

    /// <summary>Name or kind of the step, for people who read the manifest.</summary>
    public string Stage { get; set; } = "";

    public Dictionary<string, double> Values { get; set; } = [];
}

/// <summary>Which process uses a directory, so that a later one can tell whether it is still alive.</summary>
internal sealed class OwnerRecord
{
    public string Host { get; set; } = "";

    public int ProcessId { get; set; }

    public long StartTicks { get; set; }

    public string Job { get; set; } = "";
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    WriteIndented = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    // Users measure what they like, and a mean of nothing is not a number.
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals
)]
[JsonSerializable(typeof(TaskManifest))]
[JsonSerializable(typeof(OutputManifest))]
[JsonSerializable(typeof(OwnerRecord))]
[JsonSerializable(typeof(PlanDocument))]
internal sealed partial class PondJson : JsonSerializerContext;
