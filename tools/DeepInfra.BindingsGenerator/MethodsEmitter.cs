// SPDX-License-Identifier: MIT
namespace DeepInfra.BindingsGenerator;

/// <summary>Writes <c>&lt;Area&gt;NativeMethods.g.cs</c>: one blittable import per function.</summary>
internal static class MethodsEmitter
{
    public static string Emit(
        AreaConfig area,
        AbiVersion version,
        IEnumerable<CFunction> functions,
        TypeMap types
    )
    {
        var writer = new CodeWriter();
        writer.FileHead(
            area,
            [.. area.Usings, "System.Runtime.CompilerServices", "System.Runtime.InteropServices"]
        );
        writer.Line($"namespace {area.Namespace};");
        writer.Line();
        writer.Line($"/// <summary>The functions of {area.Library}.</summary>");
        writer.Open($"internal static unsafe partial class {area.ManagedName}NativeMethods");
        writer.Line($"public const string Library = \"{area.Library}\";");
        writer.Line();
        writer.Line(
            "/// <summary>The version of the ABI that this was generated from, (major &lt;&lt; 16) | minor.</summary>"
        );
        writer.Line($"public const uint HeaderAbiVersion = {version.ToCode()};");
        foreach (var function in functions)
        {
            var parameters = function.Parameters.Select(p =>
                $"{types.OfParameter(p)} {Naming.Camel(p.Name)}"
            );
            writer.Line();
            writer.Documentation(function.Comment, function.Parameters);
            writer.Line($"[LibraryImport(Library, EntryPoint = \"{function.Name}\")]");
            writer.Line("[UnmanagedCallConv(CallConvs = [typeof(CallConvCdecl)])]");
            writer.Line(
                $"public static partial {types.OfReturn(function)} {Naming.Method(function.Name, area.Name)}({string.Join(", ", parameters)});"
            );
        }
        writer.Close();
        return writer.ToString();
    }
}
