// SPDX-License-Identifier: MIT
using DeepInfra.Testing;

namespace DeepInfra.BindingsGenerator.Tests;

/// <summary>A checkout with one header of a made-up area, and what is generated from it.</summary>
internal static class HeaderFixture
{
    public static AreaConfig Area { get; } =
        new(
            "demo",
            "native/include/deepinfra/demo.h",
            ["demo.h"],
            "deepinfra_demo",
            "Demo.Interop",
            ["Demo.Handles"],
            "src",
            "native/demo_abi_layout.inc",
            "tests",
            "Demo.Tests"
        );

    /// <summary>Generates from the given text; skips where there is no clang.</summary>
    /// <param name="header">The text below the usual head, which ends at line 3.</param>
    public static IReadOnlyDictionary<string, string> Generate(string header)
    {
        var clang = Clang.Find();
        Assert.SkipUnless(clang is not null, "needs clang 14 or newer");
        using var checkout = new TempDirectory();
        Write(checkout.Path, header);
        return Generator.Generate(Area, checkout.Path, clang!);
    }

    /// <summary>The record of the ABI that a header gives.</summary>
    /// <param name="header">The text below the usual head.</param>
    /// <param name="version">What the macro says.</param>
    public static AbiRecord Abi(string header, string version = "0x00010000u") =>
        AbiRecord.Parse(
            Generate($"{header}\n#define DI_DEMO_ABI_VERSION {version}\n")["native/demo.abi"]
        );

    public static string Methods(string header) => Generate(header)["src/DemoNativeMethods.g.cs"];

    public static string Types(string header) => Generate(header)["src/DemoNativeTypes.g.cs"];

    public static string Layout(string header) => Generate(header)["native/demo_abi_layout.inc"];

    public static void Write(string checkout, string header)
    {
        var folder = Path.Combine(checkout, "native/include/deepinfra");
        Directory.CreateDirectory(folder);
        // At the end, so that the lines of the header keep their numbers.
        var version = header.Contains("DI_DEMO_ABI_VERSION", StringComparison.Ordinal)
            ? ""
            : "\n#define DI_DEMO_ABI_VERSION 0x00010000u\n";
        File.WriteAllText(
            Path.Combine(folder, "demo.h"),
            "// SPDX-License-Identifier: MIT\n#pragma once\n#include <stdint.h>\n"
                + header
                + version
        );
    }
}
