// SPDX-License-Identifier: MIT
using DeepInfra.Testing;

namespace DeepInfra.EndToEnd.Tests;

/// <summary>A disk that is full, at different times. The cluster keeps 256 MiB of the disk free for itself.</summary>
public sealed class FullDiskTests : IDisposable
{
    private readonly TempDirectory _mount = new();
    private bool _mounted;

    public void Dispose()
    {
        if (_mounted)
            Mount("umount", _mount.Path).GetAwaiter().GetResult();
        _mount.Dispose();
    }

    [Fact]
    public Task Run_NoRoomForTheText_SaysSo() => ShouldFailAsync(257, "copy raw text to 3FS");

    [Fact]
    [Trait("Category", "Slow")]
    public Task Run_NoRoomForTheCheckpoint_SaysSo() => ShouldFailAsync(350, "train");

    private async Task ShouldFailAsync(int mebibytes, string phase)
    {
        Assert.SkipUnless(
            OperatingSystem.IsLinux() && Environment.UserName == "root",
            "needs root to mount a small file system"
        );
        _mounted = await Mount(
            "mount",
            "-t",
            "tmpfs",
            "-o",
            $"size={mebibytes}m",
            "tmpfs",
            _mount.Path
        );
        Assert.SkipUnless(_mounted, "may not mount a small file system here");
        using var demo = new DemoProcess(_mount.Path);

        var result = await demo.RunAsync("--tokens", "1");

        result.ExitCode.Should().Be(3, result.StandardError);
        result.StandardError.Should().StartWith($"Failed in phase '{phase}': ");
        result.StandardError.Should().ContainAny("NoSpace", "No space", "no space");
        result.StandardError.Should().NotContain("   at ");
        demo.Leftovers.Should().BeEmpty();
    }

    private static async Task<bool> Mount(string program, params string[] arguments) =>
        (await ChildProcess.RunAsync(program, arguments)).ExitCode == 0;
}
