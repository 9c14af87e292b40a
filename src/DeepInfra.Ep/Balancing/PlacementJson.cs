// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;

namespace DeepInfra.Ep.Balancing;

/// <summary>Source-generated JSON of placements, for trimming and ahead-of-time compilation.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(PlacementDocument))]
internal sealed partial class PlacementJson : JsonSerializerContext;
