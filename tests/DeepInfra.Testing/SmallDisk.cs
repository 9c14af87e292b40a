// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Globalization;

namespace DeepInfra.Testing;

/// <summary>
/// A file system in memory that is as small as a test wants. It lives in a mount namespace of its own that a child process
/// holds open, so that no privilege is needed and nothing is left behind, whatever becomes of the test.
/// </summary>
public sealed class SmallDisk : IDisposable
{
    private readonly TempDirectory _folder;
    private readonly Process _holder;

    private SmallDisk(TempDirectory folder, Process holder) =>
        (_folder, _holder) = (folder, holder);

    /// <summary>Its root, for programs that are started through <see cref="Launcher"/>.</summary>
    public string Path => _folder.Path;

    /// <summary>Its root for this process, which is outside the namespace.</summary>
    public string PathFromOutside =>
        string.Create(CultureInfo.InvariantCulture, $"/proc/{_holder.Id}/root{_folder.Path}");

    /// <summary>Put in front of a command line, it runs the program where the disk can be seen, under the same process id.</summary>
    public IReadOnlyList<string> Launcher =>
        [
            "nsenter",
            "--target",
            _holder.Id.ToString(CultureInfo.InvariantCulture),
            "--user",
            "--mount",
            "--preserve-credentials",
            "--",
        ];

    /// <summary>Creates a disk, or skips the running test and says why there can be none.</summary>
    /// <param name="mebibytes">Its size.</param>
    public static async Task<SmallDisk> CreateOrSkipAsync(int mebibytes)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "a small disk needs Linux' mount namespaces");
        var folder = new TempDirectory();
        // "read" ends with the pipe, and the pipe with this process: the disk cannot outlive the tests.
        var start = new ProcessStartInfo(
            "unshare",
            [
                "--map-root-user",
                "--mount",
                "sh",
                "-c",
                "mount -t tmpfs -o size=$1 tmpfs \"$0\" && echo ready && read _",
                folder.Path,
                Size(mebibytes),
            ]
        )
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        Process holder;
        try
        {
            holder = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            folder.Dispose();
            Assert.Skip($"a small disk needs 'unshare': {e.Message}");
            throw;
        }
        if (await holder.StandardOutput.ReadLineAsync() == "ready")
            return new SmallDisk(folder, holder);
        var reason = await holder.StandardError.ReadToEndAsync();
        await holder.WaitForExitAsync();
        holder.Dispose();
        folder.Dispose();
        Assert.Skip($"this system lets no user mount a small disk: {reason.Trim()}");
        throw new InvalidOperationException("unreachable");
    }

    /// <summary>Makes it larger or smaller; what is on it stays.</summary>
    /// <param name="mebibytes">The new size, at least what is in use.</param>
    public async Task ResizeAsync(int mebibytes)
    {
        // With the source named, mount asks for these options only, and not for owners, which must not change.
        string[] mount =
        [
            "mount",
            "-t",
            "tmpfs",
            "-o",
            $"remount,size={Size(mebibytes)}",
            "tmpfs",
            Path,
        ];
        string[] command = [.. Launcher, .. mount];
        var result = await ChildProcess.RunAsync(command[0], command[1..]);
        if (result.ExitCode != 0)
            throw new IOException($"cannot resize '{Path}': {result.StandardError}");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _holder.StandardInput.Close();
        _holder.WaitForExit();
        _holder.Dispose();
        _folder.Dispose();
    }

    private static string Size(int mebibytes) =>
        string.Create(CultureInfo.InvariantCulture, $"{mebibytes}m");
}
