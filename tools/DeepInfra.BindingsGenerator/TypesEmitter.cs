// SPDX-License-Identifier: MIT
using System.Globalization;

namespace DeepInfra.BindingsGenerator;

/// <summary>Writes <c>&lt;Area&gt;NativeTypes.g.cs</c>: enumerations, blittable structs and their inline arrays.</summary>
internal static class TypesEmitter
{
    public static string Emit(
        AreaConfig area,
        IEnumerable<CEnum> enums,
        IEnumerable<CStruct> structs,
        TypeMap types
    )
    {
        var writer = new CodeWriter();
        writer.FileHead(
            area,
            [.. area.Usings, "System.Runtime.CompilerServices", "System.Runtime.InteropServices"]
        );
        writer.Line($"namespace {area.Namespace};");
        foreach (var type in enums.Where(e => !TypeMap.IsForeign(e.Comment)))
            Emit(type, writer);
        foreach (var type in structs.Where(s => !TypeMap.IsForeign(s.Comment)))
            Emit(type, types, writer);
        return writer.ToString();
    }

    private static void Emit(CEnum type, CodeWriter writer)
    {
        var prefix = Naming.CommonPrefix([.. type.Members.Select(m => m.Name)]);
        writer.Line();
        writer.Documentation(type.Comment);
        writer.Open($"internal enum {TypeMap.NameOf(type)}");
        var isFirst = true;
        foreach (var member in type.Members)
        {
            if (!isFirst)
                writer.Line();
            isFirst = false;
            writer.Documentation(member.Comment);
            var value = member.Value.ToString(CultureInfo.InvariantCulture);
            writer.Line($"{Naming.Pascal(member.Name[prefix.Length..])} = {value},");
        }
        writer.Close();
    }

    private static void Emit(CStruct type, TypeMap types, CodeWriter writer)
    {
        writer.Line();
        writer.Documentation(type.Comment);
        writer.Line("[StructLayout(LayoutKind.Sequential)]");
        writer.Open($"internal unsafe struct {TypeMap.NameOf(type)}");
        List<(string Name, string Element, int Length)> arrays = [];
        var isFirst = true;
        foreach (var field in type.Fields)
        {
            if (!isFirst)
                writer.Line();
            isFirst = false;
            var managed = types.OfField(field, out var length);
            var name = Naming.Pascal(field.Name);
            if (length > 0)
            {
                arrays.Add((name, managed, length));
                managed = name + "Buffer";
            }
            writer.Documentation(field.Comment);
            writer.Line($"public {managed} {name};");
        }
        foreach (var (name, element, length) in arrays)
        {
            writer.Line();
            writer.Line($"/// <summary>{length} elements in place.</summary>");
            writer.Line($"[InlineArray({length})]");
            writer.Open($"public struct {name}Buffer");
            writer.Line($"private {element} _element;");
            writer.Close();
        }
        writer.Close();
    }
}
