// SPDX-License-Identifier: MIT
using System.Globalization;

namespace DeepInfra.BindingsGenerator;

/// <summary>
/// Writes sizes and offsets twice: a C table that is compiled into the library with assertions that its compiler agrees with
/// clang, and the managed counterpart that a test compares with it.
/// </summary>
internal static class LayoutEmitter
{
    public static string EmitTable(
        AreaConfig area,
        IReadOnlyList<CStruct> structs,
        Declarations declarations
    )
    {
        var writer = new CodeWriter();
        writer.Line("// SPDX-License-Identifier: MIT");
        writer.Line(
            $"// From {area.Entry} by tools/DeepInfra.BindingsGenerator (./build.sh bindings). Do not edit."
        );
        writer.Line("// clang-format off");
        writer.Line($"static const di_abi_field {area.Name}_abi_layout[] = {{");
        foreach (var (type, field, size, offset) in Entries(structs, declarations))
            writer.Line($"    {{\"{type}\", \"{field}\", {size}, {offset}}},");
        writer.Line("};");
        writer.Line();
        writer.Line("#ifdef __cplusplus");
        writer.Line("#define DI_ABI_ASSERT static_assert");
        writer.Line("#else");
        writer.Line("#define DI_ABI_ASSERT _Static_assert");
        writer.Line("#endif");
        foreach (var type in structs)
            writer.Line(
                $"DI_ABI_ASSERT(sizeof({type.Name}) == {SizeOf(type, declarations)}, \"{type.Name}\");"
            );
        foreach (var (type, field, _, offset) in Entries(structs, declarations))
            writer.Line(
                $"DI_ABI_ASSERT(offsetof({type}, {field}) == {offset}, \"{type}.{field}\");"
            );
        writer.Line("#undef DI_ABI_ASSERT");
        return writer.ToString();
    }

    public static string EmitManaged(AreaConfig area, IReadOnlyList<CStruct> structs)
    {
        var writer = new CodeWriter();
        writer.FileHead(area, [area.Namespace]);
        writer.Line($"namespace {area.LayoutTestNamespace};");
        writer.Line();
        writer.Line(
            $"/// <summary>Managed sizes and offsets of the types of {area.Library}.</summary>"
        );
        writer.Open($"internal static unsafe class {area.ManagedName}AbiLayout");
        writer.Line(
            "/// <summary>C type, managed type and, for generated types, C field, size and offset.</summary>"
        );
        writer.Open(
            "public static IEnumerable<(string Type, Type Managed, string? Field, int Size, int Offset)> Entries()"
        );
        writer.Line("List<(string, Type, string?, int, int)> entries = [];");
        foreach (var type in structs)
        {
            var managed = TypeMap.NameOf(type);
            if (TypeMap.IsForeign(type.Comment))
            {
                writer.Line(
                    $"entries.Add((\"{type.Name}\", typeof({managed}), null, sizeof({managed}), 0));"
                );
                continue;
            }
            var value = Naming.Camel(type.Name);
            writer.Line($"{managed} {value} = default;");
            foreach (var field in type.Fields)
                writer.Line(
                    $"entries.Add((\"{type.Name}\", typeof({managed}), \"{field.Name}\", sizeof({managed}), "
                        + $"(int)((byte*)&{value}.{Naming.Pascal(field.Name)} - (byte*)&{value})));"
                );
        }
        writer.Line("return entries;");
        writer.Close();
        writer.Close();
        return writer.ToString();
    }

    private static IEnumerable<(string Type, string Field, string Size, string Offset)> Entries(
        IEnumerable<CStruct> structs,
        Declarations declarations
    )
    {
        foreach (var type in structs)
        foreach (var field in type.Fields)
        {
            if (
                !declarations.Layouts.TryGetValue(type.Name, out var layout)
                || !layout.Offsets.TryGetValue(field.Name, out var offset)
            )
                throw field.Place.Problem($"{field.Name}: clang reports no offset");
            yield return (type.Name, field.Name, SizeOf(type, declarations), Text(offset));
        }
    }

    private static string SizeOf(CStruct type, Declarations declarations) =>
        declarations.Layouts.TryGetValue(type.Name, out var layout)
            ? Text(layout.Size)
            : throw type.Place.Problem($"{type.Name}: clang reports no layout");

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}
