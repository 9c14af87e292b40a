// SPDX-License-Identifier: MIT
namespace DeepInfra.BindingsGenerator;

/// <summary>Parses the headers of an area and produces its files.</summary>
internal static class Generator
{
    /// <summary>The generated files: path relative to the checkout and content.</summary>
    public static IReadOnlyDictionary<string, string> Generate(
        AreaConfig area,
        string root,
        Clang clang
    )
    {
        var entry = Path.Combine(root, area.Entry);
        var folder = Path.GetDirectoryName(entry)!;
        string[] includes = [Path.GetDirectoryName(folder)!];
        var declarations = HeaderParser.Parse(
            clang.DumpTree(entry, includes),
            clang.DumpLayouts(entry, includes),
            folder
        );
        var types = new TypeMap(declarations);
        bool IsOwned(Place place) => area.Owned.Contains(Path.GetFileName(place.File));
        var structs = declarations.Structs.Where(s => IsOwned(s.Place)).ToList();
        var enums = declarations.Enums.Where(e => IsOwned(e.Place));
        var functions = declarations.Functions.Where(f => IsOwned(f.Place)).ToList();
        foreach (var function in functions)
            if (!function.Name.StartsWith($"di_{area.Name}_", StringComparison.Ordinal))
                throw function.Place.Problem(
                    $"{function.Name}: functions of this area begin with di_{area.Name}_"
                );

        var abi = AbiRecord.Of(area, File.ReadAllText(entry), declarations);
        var name = area.ManagedName;
        return new Dictionary<string, string>
        {
            [$"{area.ManagedFolder}/{name}NativeMethods.g.cs"] = MethodsEmitter.Emit(
                area,
                abi.Version,
                functions,
                types
            ),
            [$"{area.ManagedFolder}/{name}NativeTypes.g.cs"] = TypesEmitter.Emit(
                area,
                enums,
                structs,
                types
            ),
            [area.LayoutFile] = LayoutEmitter.EmitTable(area, structs, declarations),
            [$"{area.LayoutTestFolder}/{name}AbiLayout.g.cs"] = LayoutEmitter.EmitManaged(
                area,
                structs
            ),
            [area.AbiFile] = abi.ToText(area),
        };
    }

    /// <summary>What forbids to replace the recorded ABI of an area by a generated one; null if nothing does.</summary>
    /// <param name="area">The area.</param>
    /// <param name="files">What was generated for it.</param>
    /// <param name="root">The checkout.</param>
    public static string? FindAbiProblem(
        AreaConfig area,
        IReadOnlyDictionary<string, string> files,
        string root
    )
    {
        var path = Path.Combine(root, area.AbiFile);
        return File.Exists(path)
            ? AbiRecord
                .Parse(files[area.AbiFile])
                .ProblemAfter(AbiRecord.Parse(File.ReadAllText(path)))
            : null;
    }

    /// <summary>Compares with the files on disk, and writes those that differ unless only checking.</summary>
    /// <returns>The files that differ.</returns>
    public static IReadOnlyList<string> Apply(
        IReadOnlyDictionary<string, string> files,
        string root,
        bool checkOnly
    )
    {
        List<string> different = [];
        foreach (var (path, content) in files)
        {
            var full = Path.Combine(root, path);
            if (File.Exists(full) && File.ReadAllText(full) == content)
                continue;
            different.Add(path);
            if (checkOnly)
                continue;
            Directory.CreateDirectory(Path.GetDirectoryName(full)!);
            File.WriteAllText(full, content);
        }
        return different;
    }
}
