// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using System.Text.Json;
using DeepInfra.Core.Interop;
using DeepInfra.FlashMla.Interop;
using DeepInfra.Testing;

namespace DeepInfra.FlashMla.Tests.Interop;

/// <summary>The library's own sizes and offsets against those of the managed types.</summary>
public sealed unsafe class FlashMlaAbiLayoutTests
{
    public FlashMlaAbiLayoutTests() => NativeLibraries.Require(FlashMlaNativeMethods.Library);

    [Fact]
    public void Layout_EveryType_IsWhatTheLibraryCompiled()
    {
        int count;
        var fields = FlashMlaNativeMethods.AbiLayout(&count);
        var native = NativeLayout.Read((nint)fields, count);

        var managed = FlashMlaAbiLayout
            .Entries()
            .Select(e => (e.Type, e.Field!, e.Size, e.Offset))
            .ToList();

        managed.Should().NotBeEmpty().And.BeEquivalentTo(native);
    }

    [Fact]
    public void BuildInfo_OfTheLibrary_IsJson()
    {
        using var info = JsonDocument.Parse(
            Marshal.PtrToStringUTF8((nint)FlashMlaNativeMethods.BuildInfo())!
        );

        info.RootElement.GetProperty("version").GetString().Should().NotBeEmpty();
        info.RootElement.GetProperty("architectures").ValueKind.Should().Be(JsonValueKind.Array);
    }

    [Fact]
    public void AbiVersion_OfTheLibrary_IsCompatible() =>
        NativeAbi
            .IsCompatible(
                FlashMlaNativeMethods.HeaderAbiVersion,
                FlashMlaNativeMethods.AbiVersion()
            )
            .Should()
            .BeTrue();

    [Fact]
    public void ThrowIfFailed_RefusedArgument_CarriesTheLibrarysMessage()
    {
        var act = () =>
            FlashMlaLibrary.Area.ThrowIfFailed(FlashMlaNativeMethods.UseDriver(null), "use driver");

        act.Should().Throw<ArgumentException>().WithMessage("use driver: driver is null");
    }
}
