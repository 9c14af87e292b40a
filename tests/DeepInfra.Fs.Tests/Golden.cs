// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace DeepInfra.Fs.Tests;

/// <summary>The recorded bytes under <c>tests/golden/fs</c>.</summary>
internal static class Golden
{
    public static JsonElement Load(string name)
    {
        var path = Path.Combine(AppContext.BaseDirectory, "golden", "fs", name + ".json");
        return JsonDocument.Parse(File.ReadAllBytes(path)).RootElement;
    }

    public static IEnumerable<JsonElement> Entries(string name) =>
        Load(name).GetProperty("entries").EnumerateArray();

    public static byte[] Hex(this JsonElement element, string property) =>
        Convert.FromHexString(element.GetProperty(property).GetString()!);

    public static string String(this JsonElement element, string property) =>
        element.GetProperty(property).GetString()!;
}
