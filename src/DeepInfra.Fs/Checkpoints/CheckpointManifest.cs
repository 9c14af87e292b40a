// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;

namespace DeepInfra.Fs.Checkpoints;

/// <summary>The file <c>manifest.json</c> of a checkpoint.</summary>
internal sealed record CheckpointManifest(
    int Version,
    DateTimeOffset Saved,
    Dictionary<string, string> Metadata,
    List<CheckpointTensor> Tensors
)
{
    public const int CurrentVersion = 1;
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true
)]
[JsonSerializable(typeof(CheckpointManifest))]
internal sealed partial class CheckpointJson : JsonSerializerContext;
