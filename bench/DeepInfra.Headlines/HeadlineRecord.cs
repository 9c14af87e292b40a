// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace DeepInfra.Headlines;

/// <summary>Figures of one or more runs over all headlines, with the machine and the day, as a JSON file.</summary>
internal sealed partial class HeadlineRecord
{
    private readonly SortedDictionary<string, Figure> _figures = new(StringComparer.Ordinal);

    public void Add(IHeadline headline, double value)
    {
        if (!_figures.TryGetValue(headline.Name, out var figure))
            _figures[headline.Name] = figure = new(headline.Name, headline.Unit, headline.Goal, []);
        figure.Values.Add(value);
    }

    /// <summary>Writes <c>FOLDER/yyyy-MM-dd-DEVICE-headlines.json</c> and returns its path.</summary>
    public string Write(string folder)
    {
        var device = ProcessorName();
        var slug = NotInNames().Replace(device.ToLowerInvariant(), "-").Trim('-');
        var day = DateOnly.FromDateTime(DateTime.UtcNow);
        var path = Path.Combine(folder, $"{day:yyyy-MM-dd}-{slug}-headlines.json");
        Directory.CreateDirectory(folder);
        var content = new Content(
            day,
            device,
            Environment.ProcessorCount,
            RuntimeInformation.FrameworkDescription,
            RuntimeInformation.OSDescription,
            [.. _figures.Values]
        );
        File.WriteAllText(
            path,
            JsonSerializer.Serialize(content, RecordJson.Default.Content) + "\n"
        );
        return path;
    }

    private static string ProcessorName()
    {
        const string Info = "/proc/cpuinfo";
        var line = File.Exists(Info)
            ? File.ReadLines(Info)
                .FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))
            : null;
        return line is null
            ? RuntimeInformation.ProcessArchitecture.ToString()
            : line[(line.IndexOf(':') + 1)..].Trim();
    }

    [GeneratedRegex("[^a-z0-9]+")]
    private static partial Regex NotInNames();

    /// <param name="Values">One per run, in order.</param>
    internal sealed record Figure(string Name, string Unit, string Goal, List<double> Values);

    internal sealed record Content(
        DateOnly Date,
        string Processor,
        int Processors,
        string Runtime,
        string System,
        Figure[] Figures
    );
}

[JsonSourceGenerationOptions(
    WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase
)]
[JsonSerializable(typeof(HeadlineRecord.Content))]
internal sealed partial class RecordJson : JsonSerializerContext;
