// SPDX-License-Identifier: MIT
namespace EndToEnd.Checks;

/// <summary>Compares open sockets and files, and looks for temporary files, before and after the flows.</summary>
internal sealed class LeakCheck
{
    private readonly string _folder;
    private readonly int _sockets;

    private LeakCheck(string folder, int sockets)
    {
        _folder = folder;
        _sockets = sockets;
    }

    public static LeakCheck Start(string folder) => new(folder, Descriptors().Count(IsSocket));

    public void Finish(Verdicts verdicts)
    {
        // Closing a socket finishes on a pool thread.
        var sockets = Descriptors().Count(IsSocket);
        for (var wait = 0; sockets > _sockets && wait < 50; wait++)
        {
            Thread.Sleep(20);
            sockets = Descriptors().Count(IsSocket);
        }
        var files = Descriptors()
            .Where(d => d.StartsWith(_folder, StringComparison.Ordinal))
            .ToList();
        verdicts.Add(
            "No socket or file is left open",
            sockets <= _sockets && files.Count == 0,
            $"{Math.Max(0, sockets - _sockets)} sockets, {files.Count} files{(files.Count > 0 ? $" ({files[0]})" : "")}"
        );
        var left = Directory
            .EnumerateFileSystemEntries(
                Path.Combine(_folder, "scratch"),
                "*",
                SearchOption.AllDirectories
            )
            .Where(File.Exists)
            .ToList();
        verdicts.Add(
            "No temporary file is left behind",
            left.Count == 0,
            left.Count == 0 ? "scratch is empty" : $"{left.Count} files, first {left[0]}"
        );
    }

    private static bool IsSocket(string target) =>
        target.StartsWith("socket:", StringComparison.Ordinal);

    /// <summary>What this process has open; empty where the system does not tell.</summary>
    private static List<string> Descriptors()
    {
        const string folder = "/proc/self/fd";
        var targets = new List<string>();
        if (!Directory.Exists(folder))
            return targets;
        foreach (var link in Directory.EnumerateFileSystemEntries(folder))
        {
            try
            {
                if (new FileInfo(link).LinkTarget is { } target)
                    targets.Add(target);
            }
            catch (IOException)
            {
                // Closed between listing and reading.
            }
        }
        return targets;
    }
}
