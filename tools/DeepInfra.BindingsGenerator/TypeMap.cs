// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.RegularExpressions;

namespace DeepInfra.BindingsGenerator;

/// <summary>From C types to managed types. A type that is not known is an error, never a guess.</summary>
internal sealed partial class TypeMap
{
    private const int LargestByValue = 16;

    private static readonly Dictionary<string, string> s_primitive = new()
    {
        ["void"] = "void",
        ["char"] = "byte",
        ["int8_t"] = "sbyte",
        ["uint8_t"] = "byte",
        ["int16_t"] = "short",
        ["uint16_t"] = "ushort",
        ["int32_t"] = "int",
        ["uint32_t"] = "uint",
        ["int64_t"] = "long",
        ["uint64_t"] = "ulong",
        ["float"] = "float",
        ["double"] = "double",
    };

    private readonly Declarations _declarations;
    private readonly Dictionary<string, CStruct> _structs;
    private readonly Dictionary<string, CEnum> _enums;
    private readonly Dictionary<string, CTypedef> _typedefs;

    public TypeMap(Declarations declarations)
    {
        _declarations = declarations;
        _structs = declarations.Structs.ToDictionary(s => s.Name);
        _enums = declarations.Enums.ToDictionary(e => e.Name);
        _typedefs = declarations.Typedefs.ToDictionary(t => t.Name);
    }

    /// <summary>The managed name of a struct.</summary>
    public static string NameOf(CStruct type) => NameOf(type.Name, type.Comment);

    /// <summary>The managed name of an enumeration.</summary>
    public static string NameOf(CEnum type) => NameOf(type.Name, type.Comment);

    /// <summary>True if a managed type exists already and none is generated.</summary>
    public static bool IsForeign(HeaderComment comment) =>
        comment.Annotations.ContainsKey("managed");

    /// <summary>The type of a field.</summary>
    /// <param name="field">The field.</param>
    /// <param name="length">Elements of a fixed array, 0 for anything else.</param>
    public string OfField(CField field, out int length)
    {
        length = 0;
        var type = field.Type;
        if (FixedArray().Match(type) is { Success: true } array)
        {
            length = int.Parse(array.Groups["length"].Value, CultureInfo.InvariantCulture);
            type = array.Groups["element"].Value;
            if (type.Contains('[', StringComparison.Ordinal))
                throw field.Place.Problem(
                    $"{field.Name}: arrays of arrays are not allowed in the ABI"
                );
        }
        return Map(type, field.Place, field.Name, isParameter: false);
    }

    /// <summary>The type of a parameter.</summary>
    public string OfParameter(CParameter parameter)
    {
        var type = Map(parameter.Type, parameter.Place, parameter.Name, isParameter: true);
        var plain = Strip(parameter.Type);
        if (
            !parameter.Type.Contains('*', StringComparison.Ordinal)
            && _structs.ContainsKey(plain)
            && _declarations.Layouts[plain].Size > LargestByValue
        )
            throw parameter.Place.Problem(
                $"{parameter.Name}: {plain} is passed by value, but has more than {LargestByValue} bytes"
            );
        return type;
    }

    /// <summary>The type that a function returns.</summary>
    public string OfReturn(CFunction function) =>
        Map(function.ReturnType, function.Place, function.Name, isParameter: false);

    private string Map(string type, Place place, string name, bool isParameter)
    {
        var pointers = type.Count(c => c == '*');
        var plain = Strip(type);
        if (type.Contains('(', StringComparison.Ordinal))
            throw place.Problem($"{name}: a function pointer needs a typedef, got {type}");
        if (s_primitive.TryGetValue(plain, out var primitive))
        {
            if (primitive == "void" && pointers == 0 && isParameter)
                throw place.Problem($"{name}: void is no type of a parameter");
            return primitive + Stars(pointers);
        }
        if (_structs.TryGetValue(plain, out var known))
            return NameOf(known) + Stars(pointers);
        if (_typedefs.TryGetValue(plain, out var typedef))
            return OfTypedef(typedef, pointers, place, name, isParameter);
        if (_enums.ContainsKey(plain))
            throw place.Problem($"{name}: the size of an enumeration is not fixed; use int32_t");
        throw place.Problem($"{name}: unknown type {type}");
    }

    private string OfTypedef(
        CTypedef typedef,
        int pointers,
        Place place,
        string name,
        bool isParameter
    )
    {
        var annotations = typedef.Comment.Annotations;
        if (annotations.TryGetValue("enum", out var enumName))
        {
            if (!_enums.TryGetValue(enumName, out var values))
                throw typedef.Place.Problem($"{typedef.Name}: there is no enumeration {enumName}");
            if (Strip(typedef.Type) != "int32_t")
                throw typedef.Place.Problem(
                    $"{typedef.Name}: an enumeration crosses as int32_t, got {typedef.Type}"
                );
            return NameOf(values) + Stars(pointers);
        }
        if (annotations.TryGetValue("handle", out var handle))
            return pointers == 0 && isParameter ? handle : "nint" + Stars(pointers);
        if (FunctionPointer().Match(typedef.Type) is { Success: true } function)
        {
            List<string> types = [];
            foreach (
                var part in function
                    .Groups["parameters"]
                    .Value.Split(',', StringSplitOptions.TrimEntries)
            )
                if (part is not ("" or "void"))
                    types.Add(Map(part, typedef.Place, typedef.Name, isParameter: false));
            types.Add(
                Map(
                    function.Groups["result"].Value,
                    typedef.Place,
                    typedef.Name,
                    isParameter: false
                )
            );
            return $"delegate* unmanaged[Cdecl]<{string.Join(", ", types)}>" + Stars(pointers);
        }
        if (typedef.Type.Contains('*', StringComparison.Ordinal))
            throw typedef.Place.Problem(
                $"{typedef.Name}: an opaque pointer needs a comment `// @handle: SafeHandleClass`"
            );
        return Map(typedef.Type, place, name, isParameter) + Stars(pointers);
    }

    private static string NameOf(string name, HeaderComment comment) =>
        comment.Annotations.TryGetValue("managed", out var managed) ? managed
        : comment.Annotations.TryGetValue("name", out var chosen) ? chosen
        : Naming.Type(name);

    // Without pointers, qualifiers and the keyword struct.
    private static string Strip(string type) =>
        Qualifier().Replace(type.Replace('*', ' '), " ").Trim();

    private static string Stars(int count) => new('*', count);

    [GeneratedRegex(@"\b(const|struct|restrict|volatile)\b")]
    private static partial Regex Qualifier();

    [GeneratedRegex(@"^(?<element>.+?)\s*\[(?<length>\d+)\]$")]
    private static partial Regex FixedArray();

    [GeneratedRegex(@"^(?<result>[^(]+)\(\*\)\((?<parameters>.*)\)$")]
    private static partial Regex FunctionPointer();
}
