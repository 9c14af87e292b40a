// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;

namespace DeepInfra.Fs.Tests.Wire;

/// <summary>Compares dumped values with golden ones.</summary>
internal static class JsonCompare
{
    /// <summary>Null when equal, otherwise where and how they differ.</summary>
    public static string? Difference(
        JsonElement expected,
        JsonNode? actual,
        bool ignoreTags = false,
        string path = "$"
    )
    {
        switch (expected.ValueKind)
        {
            case JsonValueKind.Object when expected.TryGetProperty("$enum", out _):
                return Difference(expected.GetProperty("n"), actual, ignoreTags, path + ".n");
            case JsonValueKind.Object when expected.TryGetProperty("$pad", out _):
                return actual is JsonObject pad && pad.ContainsKey("$pad")
                    ? null
                    : $"{path}: no pad";
            case JsonValueKind.Object:
                if (actual is not JsonObject o)
                {
                    return $"{path}: expected an object, got {actual?.ToJsonString()}";
                }

                var names = expected.EnumerateObject().Select(p => p.Name).ToList();
                if (!names.SequenceEqual(o.Select(p => p.Key)))
                {
                    return $"{path}: expected fields {string.Join(',', names)}, got {string.Join(',', o.Select(p => p.Key))}";
                }

                // A message tag is born with a random client id upstream.
                var random = path.EndsWith(".tag.clientId", StringComparison.Ordinal) && ignoreTags;
                return names
                    .Where(n => !random || n != "uuid")
                    .Select(n =>
                        Difference(expected.GetProperty(n), o[n], ignoreTags, $"{path}.{n}")
                    )
                    .FirstOrDefault(d => d is not null);
            case JsonValueKind.Array:
                if (actual is not JsonArray a || a.Count != expected.GetArrayLength())
                {
                    return $"{path}: expected {expected}, got {actual?.ToJsonString()}";
                }

                return a.Select((n, i) => Difference(expected[i], n, ignoreTags, $"{path}[{i}]"))
                    .FirstOrDefault(d => d is not null);
            case JsonValueKind.Null:
                return actual is null
                    ? null
                    : $"{path}: expected null, got {actual.ToJsonString()}";
            case JsonValueKind.Number:
                var text = actual?.ToJsonString() ?? "null";
                if (text == expected.GetRawText())
                {
                    return null;
                }

                var close =
                    double.TryParse(
                        text,
                        System.Globalization.CultureInfo.InvariantCulture,
                        out var d
                    )
                    && (
                        actual!.AsValue().TryGetValue<double>(out _)
                        || actual.AsValue().TryGetValue<float>(out _)
                    )
                    && Math.Abs(d - expected.GetDouble()) <= 1e-6 * Math.Abs(d);
                return close ? null : $"{path}: expected {expected.GetRawText()}, got {text}";
            default:
                var plain = actual?.GetValue<object>().ToString();
                return string.Equals(plain, expected.ToString(), StringComparison.OrdinalIgnoreCase)
                    ? null
                    : $"{path}: expected {expected}, got {plain}";
        }
    }
}
