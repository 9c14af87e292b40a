// SPDX-License-Identifier: MIT
namespace DeepInfra.BindingsGenerator;

/// <summary>A place in a header.</summary>
internal readonly record struct Place(string File, int Line)
{
    public BindingsException Problem(string text) => new(File, Line, text);
}

/// <summary>A comment in front of a declaration.</summary>
/// <param name="Text">The lines without markers and annotations.</param>
/// <param name="Parameters">What <c>@param name</c> says.</param>
/// <param name="Annotations">What <c>@handle:</c>, <c>@enum:</c>, <c>@managed:</c> and <c>@name:</c> say.</param>
internal sealed record HeaderComment(
    IReadOnlyList<string> Text,
    IReadOnlyDictionary<string, string> Parameters,
    IReadOnlyDictionary<string, string> Annotations
)
{
    public static HeaderComment None { get; } =
        new([], new Dictionary<string, string>(), new Dictionary<string, string>());
}

internal sealed record CEnumMember(string Name, long Value, HeaderComment Comment);

internal sealed record CEnum(
    string Name,
    IReadOnlyList<CEnumMember> Members,
    HeaderComment Comment,
    Place Place
);

internal sealed record CField(string Name, string Type, HeaderComment Comment, Place Place);

internal sealed record CStruct(
    string Name,
    IReadOnlyList<CField> Fields,
    HeaderComment Comment,
    Place Place
);

/// <summary>A typedef of anything but a struct of the same name.</summary>
internal sealed record CTypedef(string Name, string Type, HeaderComment Comment, Place Place);

internal sealed record CParameter(string Name, string Type, Place Place);

internal sealed record CFunction(
    string Name,
    string ReturnType,
    IReadOnlyList<CParameter> Parameters,
    HeaderComment Comment,
    Place Place
);

/// <summary>Size and field offsets of a struct in bytes.</summary>
internal sealed record CLayout(int Size, IReadOnlyDictionary<string, int> Offsets);

/// <summary>All declarations of our headers, in source order.</summary>
internal sealed record Declarations(
    IReadOnlyList<CEnum> Enums,
    IReadOnlyList<CStruct> Structs,
    IReadOnlyList<CTypedef> Typedefs,
    IReadOnlyList<CFunction> Functions,
    IReadOnlyDictionary<string, CLayout> Layouts
);
