// SPDX-License-Identifier: MIT
using DeepInfra.Testing;

namespace DeepInfra.NativeLoading.Tests.Fakes;

/// <summary>C sources beside the tests, compiled when first needed.</summary>
internal static class FakeLibrary
{
    private static readonly SemaphoreSlim s_driverLock = new(1);
    private static byte[]? s_driver;

    /// <summary>The fake driver under another name, compiled once. As <see cref="CompileAsync"/> otherwise.</summary>
    /// <param name="library">The file to write.</param>
    public static async Task CopyDriverAsync(string library)
    {
        await s_driverLock.WaitAsync();
        try
        {
            if (s_driver is null)
            {
                await CompileAsync("fake_driver.c", library);
                s_driver = await File.ReadAllBytesAsync(library);
                return;
            }
        }
        finally
        {
            s_driverLock.Release();
        }
        await File.WriteAllBytesAsync(library, s_driver);
    }

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
