// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;

namespace DeepInfra.Bench.Gpu;

/// <summary>One timed operation; <c>bench/schema.json</c> explains the fields.</summary>
internal sealed record BenchResult(
    string Area,
    string Name,
    string Shape,
    double Microseconds,
    long Bytes,
    double GigabytesPerSecond,
    double RatioToCopy,
    long Operations,
    double TeraflopsPerSecond
);

/// <summary>A whole run.</summary>
internal sealed record BenchReport(
    string Date,
    string Device,
    string Architecture,
    string Driver,
    int Multiprocessors,
    int ClockKilohertz,
    bool IsSimulated,
    IReadOnlyList<BenchResult> Results
);

[JsonSourceGenerationOptions(
    WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase
)]
[JsonSerializable(typeof(BenchReport))]
internal sealed partial class BenchJson : JsonSerializerContext;
