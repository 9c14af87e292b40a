// SPDX-License-Identifier: MIT
using DeepInfra.Core.Jit;

namespace DeepInfra.Core.Tests.Jit;

public class CacheLocationTests
{
    [Fact]
    public void Find_OptionSet_WinsOverEnvironment() =>
        Find(new JitOptions { CacheDirectory = "/o" }, ("DEEPINFRA_CACHE_DIR", "/v"))
            .Should()
            .Be("/o/kernels");

    [Fact]
    public void Find_Variable_WinsOverDefaults() =>
        Find(new(), ("DEEPINFRA_CACHE_DIR", "/v"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h"))
            .Should()
            .Be("/v/kernels");

    [Fact]
    public void Find_CacheHome_WinsOverHome() =>
        Find(new(), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")).Should().Be("/x/deepinfra/kernels");

    [Fact]
    public void Find_RelativeCacheHome_IsIgnored() =>
        Find(new(), ("XDG_CACHE_HOME", "x"), ("HOME", "/h"))
            .Should()
            .Be("/h/.cache/deepinfra/kernels");

    [Fact]
    public void Find_NoHome_UsesAPrivateTemporaryFolder()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has a folder for it");
        var folder = Find(new())!;

        folder.Should().StartWith(Path.GetTempPath());
        if (!OperatingSystem.IsWindows())
            File.GetUnixFileMode(Path.GetDirectoryName(folder)!)
                .Should()
                .Be(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Directory.Delete(Path.GetDirectoryName(folder)!, recursive: true);
    }

    private static string? Find(JitOptions options, params (string Name, string Value)[] variables)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "paths of Unix");
        return CacheLocation.Find(
            options,
            name => variables.FirstOrDefault(v => v.Name == name).Value,
            out _
        );
    }
}
