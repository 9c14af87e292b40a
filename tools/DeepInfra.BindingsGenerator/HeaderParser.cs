// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace DeepInfra.BindingsGenerator;

/// <summary>From clang's dumps to declarations. Refuses what the C ABI does not allow.</summary>
internal static partial class HeaderParser
{
    private static readonly JsonDocumentOptions s_deep = new() { MaxDepth = 512 };

    /// <summary>Reads everything declared in files below a folder.</summary>
    /// <param name="tree">clang's tree as JSON.</param>
    /// <param name="layouts">clang's record layouts.</param>
    /// <param name="folder">The folder of our headers.</param>
    public static Declarations Parse(string tree, string layouts, string folder)
    {
        using var document = JsonDocument.Parse(tree, s_deep);
        var comments = new CommentReader();
        List<CEnum> enums = [];
        List<CStruct> structs = [];
        List<CTypedef> typedefs = [];
        List<CFunction> functions = [];
        var root = Path.GetFullPath(folder) + Path.DirectorySeparatorChar;
        foreach (var node in SyntaxNode.Parse(document.RootElement).Children)
        {
            var isOurs =
                node.Place.File.Length > 0
                && Path.GetFullPath(node.Place.File).StartsWith(root, StringComparison.Ordinal);
            if (!isOurs)
                continue;
            switch (node.Kind)
            {
                case "EnumDecl":
                    enums.Add(ReadEnum(node, comments));
                    break;
                case "RecordDecl" when node.Flag("completeDefinition"):
                    structs.Add(ReadStruct(node, comments));
                    break;
                case "TypedefDecl":
                    ReadTypedef(node, comments, structs, typedefs);
                    break;
                case "FunctionDecl":
                    functions.Add(ReadFunction(node, comments));
                    break;
            }
        }
        var byName = ReadLayouts(layouts);
        foreach (var type in structs)
            if (byName.TryGetValue(UnnamedKey(type.Place.File, type.Place.Line), out var layout))
                byName.TryAdd(type.Name, layout);
        return new Declarations(enums, structs, typedefs, functions, byName);
    }

    private static CEnum ReadEnum(SyntaxNode node, CommentReader comments)
    {
        if (node.Name.Length == 0)
            throw node.Place.Problem("an enumeration needs a name");
        List<CEnumMember> members = [];
        long next = 0;
        foreach (var child in node.Children.Where(c => c.Kind == "EnumConstantDecl"))
        {
            var value = FirstValue(child) ?? next;
            members.Add(new CEnumMember(child.Name, value, comments.Read(child.Place)));
            next = value + 1;
        }
        return new CEnum(node.Name, members, comments.Read(node.Place), node.Place);
    }

    private static long? FirstValue(SyntaxNode node)
    {
        foreach (var child in node.Children)
        {
            if (child.Text("value") is { Length: > 0 } text)
                return long.Parse(text, CultureInfo.InvariantCulture);
            if (FirstValue(child) is { } value)
                return value;
        }
        return null;
    }

    private static CStruct ReadStruct(SyntaxNode node, CommentReader comments)
    {
        if (node.Text("tagUsed") != "struct")
            throw node.Place.Problem($"{node.Text("tagUsed")} {node.Name}: not allowed in the ABI");
        List<CField> fields = [];
        foreach (var child in node.Children)
        {
            if (child.Kind == "RecordDecl")
                throw child.Place.Problem("a type inside another one is not allowed in the ABI");
            if (child.Kind != "FieldDecl")
                continue;
            if (child.Flag("isBitfield"))
                throw child.Place.Problem($"{child.Name}: bit-fields are not allowed in the ABI");
            fields.Add(new CField(child.Name, child.Type, comments.Read(child.Place), child.Place));
        }
        return new CStruct(node.Name, fields, comments.Read(node.Place), node.Place);
    }

    private static void ReadTypedef(
        SyntaxNode node,
        CommentReader comments,
        List<CStruct> structs,
        List<CTypedef> typedefs
    )
    {
        var type = node.Type;
        // An anonymous struct gets the name of the typedef that follows it.
        if (
            structs.Count > 0
            && structs[^1].Name.Length == 0
            && type.StartsWith("struct", StringComparison.Ordinal)
        )
        {
            structs[^1] = structs[^1] with { Name = node.Name };
            return;
        }
        if (type == $"struct {node.Name}" && structs.Exists(s => s.Name == node.Name))
            return;
        typedefs.Add(new CTypedef(node.Name, type, comments.Read(node.Place), node.Place));
    }

    private static CFunction ReadFunction(SyntaxNode node, CommentReader comments)
    {
        if (node.Flag("variadic"))
            throw node.Place.Problem($"{node.Name}: variadic functions are not allowed in the ABI");
        List<CParameter> parameters = [];
        foreach (var child in node.Children.Where(c => c.Kind == "ParmVarDecl"))
        {
            if (child.Name.Length == 0)
                throw child.Place.Problem($"{node.Name}: parameter {parameters.Count} has no name");
            parameters.Add(new CParameter(child.Name, child.Type, child.Place));
        }
        var returnType = node.Type[..node.Type.IndexOf('(', StringComparison.Ordinal)].Trim();
        return new CFunction(
            node.Name,
            returnType,
            parameters,
            comments.Read(node.Place),
            node.Place
        );
    }

    private static Dictionary<string, CLayout> ReadLayouts(string dump)
    {
        var result = new Dictionary<string, CLayout>();
        string? name = null;
        var offsets = new Dictionary<string, int>();
        foreach (var text in dump.Split('\n'))
        {
            if (StructLine().Match(text) is { Success: true } start)
            {
                name = start.Groups["line"] is { Success: true } line
                    ? UnnamedKey(start.Groups["file"].Value, Number(line))
                    : start.Groups["name"].Value;
                offsets = [];
            }
            else if (SizeLine().Match(text) is { Success: true } size && name is not null)
            {
                result[name] = new CLayout(Number(size.Groups["size"]), offsets);
                name = null;
            }
            else if (FieldLine().Match(text) is { Success: true } field && name is not null)
            {
                offsets[field.Groups["name"].Value] = Number(field.Groups["offset"]);
            }
        }
        return result;
    }

    // A struct that has only the name of its typedef is printed as the place where it stands.
    private static string UnnamedKey(string file, int line) => $"{Path.GetFullPath(file)}:{line}";

    private static int Number(Group group) => int.Parse(group.Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(
        @"^\s*0 \| (?:struct )?(?:(?<name>\w+)|\((?:unnamed|anonymous)[^/]* at (?<file>.+):(?<line>\d+):\d+\))\s*$"
    )]
    private static partial Regex StructLine();

    // Fields of the struct itself are indented by three blanks, those of its fields by more.
    [GeneratedRegex(@"^\s*(?<offset>\d+) \|   (?<type>\S.*) (?<name>\w+)\s*$")]
    private static partial Regex FieldLine();

    [GeneratedRegex(@"^\s*\| \[sizeof=(?<size>\d+), align=\d+")]
    private static partial Regex SizeLine();
}
