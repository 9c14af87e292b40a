// SPDX-License-Identifier: MIT
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json;
using DeepInfra.Core.Interop;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Interop;

/// <summary>The library's own sizes and offsets against those of the managed types.</summary>
public sealed unsafe class CoreAbiLayoutTests
{
    [Fact]
    public void Layout_EveryType_IsWhatTheLibraryCompiled()
    {
        NativeLibraries.Require(CoreNativeMethods.Library);
        var native = ReadNative();

        var managed = CoreAbiLayout.Entries().SelectMany(Expand).ToList();

        managed.Should().BeEquivalentTo(native);
    }

    [Fact]
    public void BuildInfo_OfTheLibrary_IsJson()
    {
        NativeLibraries.Require(CoreNativeMethods.Library);

        using var info = JsonDocument.Parse(
            Marshal.PtrToStringUTF8((nint)CoreNativeMethods.BuildInfo())!
        );

        info.RootElement.GetProperty("version").GetString().Should().NotBeEmpty();
        info.RootElement.GetProperty("architectures").ValueKind.Should().Be(JsonValueKind.Array);
    }

    [Fact]
    public void AbiVersion_OfTheLibrary_IsCompatible()
    {
        NativeLibraries.Require(CoreNativeMethods.Library);

        NativeAbi
            .IsCompatible(CoreNativeMethods.HeaderAbiVersion, CoreNativeMethods.AbiVersion())
            .Should()
            .BeTrue();
    }

    [Fact]
    public void ThrowIfFailed_RefusedArgument_CarriesTheLibrarysMessage()
    {
        NativeLibraries.Require(CoreNativeMethods.Library);

        var act = () => CoreNativeMethods.UseDriver(null).ThrowIfFailed("use driver");

        act.Should().Throw<ArgumentException>().WithMessage("use driver: driver is null");
    }

    private static List<(string Type, string Field, int Size, int Offset)> ReadNative()
    {
        int count;
        var fields = CoreNativeMethods.AbiLayout(&count);
        return NativeLayout.Read((nint)fields, count);
    }

    // Types written by hand have other names and no addressable fields: they are compared in order of their fields.
    private static IEnumerable<(string, string, int, int)> Expand(
        (string Type, Type Managed, string? Field, int Size, int Offset) entry
    )
    {
        if (entry.Field is { } field)
            return [(entry.Type, field, entry.Size, entry.Offset)];
        var names = ReadNative().Where(e => e.Type == entry.Type).Select(e => e.Field).ToList();
        var fields = entry
            .Managed.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
            .OrderBy(f => f.MetadataToken)
            .ToList();
        fields.Should().HaveSameCount(names, entry.Type);
        return fields.Select(
            (f, i) =>
                (entry.Type, names[i], entry.Size, (int)Marshal.OffsetOf(entry.Managed, f.Name))
        );
    }
}
