// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using System.Text.Json;
using DeepInfra.Core.Interop;
using DeepInfra.Gemm.Interop;
using DeepInfra.Testing;

namespace DeepInfra.Gemm.Tests.Interop;

/// <summary>The library's own sizes and offsets against those of the managed types, and what it refuses.</summary>
public sealed unsafe class GemmCpuAbiLayoutTests
{
    public GemmCpuAbiLayoutTests() => NativeLibraries.Require(GemmCpuNativeMethods.Library);

    [Fact]
    public void Layout_EveryType_IsWhatTheLibraryCompiled()
    {
        int count;
        var fields = GemmCpuNativeMethods.AbiLayout(&count);
        var native = NativeLayout.Read((nint)fields, count);

        var managed = GemmCpuAbiLayout
            .Entries()
            .Select(e => (e.Type, e.Field!, e.Size, e.Offset))
            .ToList();

        managed.Should().NotBeEmpty().And.BeEquivalentTo(native);
    }

    [Fact]
    public void BuildInfo_OfTheLibrary_IsJson()
    {
        using var info = JsonDocument.Parse(
            Marshal.PtrToStringUTF8((nint)GemmCpuNativeMethods.BuildInfo())!
        );

        info.RootElement.GetProperty("version").GetString().Should().NotBeEmpty();
        info.RootElement.GetProperty("compiler").GetString().Should().NotBeEmpty();
    }

    [Fact]
    public void AbiVersion_OfTheLibrary_IsCompatible() =>
        NativeAbi
            .IsCompatible(GemmCpuNativeMethods.HeaderAbiVersion, GemmCpuNativeMethods.AbiVersion())
            .Should()
            .BeTrue();
}
