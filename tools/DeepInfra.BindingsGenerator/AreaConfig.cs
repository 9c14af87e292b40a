// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace DeepInfra.BindingsGenerator;

/// <summary>What is generated for one native library. Paths are relative to the checkout.</summary>
/// <param name="Name">The area, such as <c>core</c>: the prefix of its functions is <c>di_core_</c>.</param>
/// <param name="Entry">The header that clang reads.</param>
/// <param name="Owned">File names of the headers whose declarations belong to this area; those of others are known, but not emitted.</param>
/// <param name="Library">The library's name without prefix and suffix.</param>
/// <param name="Namespace">The namespace of the generated code.</param>
/// <param name="Usings">Further namespaces it needs.</param>
/// <param name="ManagedFolder">Where methods and types go.</param>
/// <param name="LayoutFile">The C table of sizes and offsets.</param>
/// <param name="LayoutTestFolder">Where the managed counterpart of that table goes.</param>
/// <param name="LayoutTestNamespace">Its namespace.</param>
/// <param name="Managed">The area as part of a managed name; null capitalises <paramref name="Name"/>.</param>
internal sealed record AreaConfig(
    string Name,
    string Entry,
    IReadOnlyList<string> Owned,
    string Library,
    string Namespace,
    IReadOnlyList<string> Usings,
    string ManagedFolder,
    string LayoutFile,
    string LayoutTestFolder,
    string LayoutTestNamespace,
    string? Managed = null
)
{
    private static readonly JsonSerializerOptions s_options = new(JsonSerializerDefaults.Web);

    /// <summary>The area's name as part of a managed name.</summary>
    public string ManagedName => Managed ?? Naming.Pascal(Name);

    /// <summary>The record of the ABI, beside the table of layouts.</summary>
    public string AbiFile => $"{Path.GetDirectoryName(LayoutFile)}/{Name}.abi";

    /// <summary>Reads a list of areas.</summary>
    public static IReadOnlyList<AreaConfig> Load(string path) =>
        JsonSerializer.Deserialize<List<AreaConfig>>(File.ReadAllText(path), s_options)
        ?? throw new InvalidDataException($"{path} is empty");
}
