// SPDX-License-Identifier: MIT
using DeepInfra.Testing;

namespace DeepInfra.NativeLoading.Tests.Fakes;

/// <summary>C sources beside the tests, compiled when first needed.</summary>
internal static class FakeLibrary
{
    /// <summary>Compiles a source into a library of the given name; skips the test where there is no C compiler.</summary>
    /// <param name="source">The file beside the tests.</param>
    /// <param name="library">The file to write.</param>
    /// <param name="arguments">Further arguments of the compiler: definitions, libraries.</param>
    public static async Task CompileAsync(string source, string library, params string[] arguments)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the fakes are for Linux");
        var path = Path.Combine(AppContext.BaseDirectory, "Fakes", source);
        ChildProcessResult result;
        try
        {
            result = await ChildProcess.RunAsync(
                "gcc",
                ["-shared", "-fPIC", "-O1", "-w", "-o", library, path, .. arguments, "-ldl"]
            );
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("needs gcc");
            return;
        }
        if (result.ExitCode != 0)
            Assert.Fail(result.StandardError);
    }
}
