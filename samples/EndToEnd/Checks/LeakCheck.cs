// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace EndToEnd.Checks;

/// <summary>Compares open sockets and files and live tensors, and looks for temporary files, before and after the flows.</summary>
internal sealed class LeakCheck
{
    private const string DescriptorFolder = "/proc/self/fd";

    private readonly WorkFolders _folders;
    private readonly int _sockets;
    private readonly long _tensors;
    private readonly long _tensorBytes;

    private LeakCheck(WorkFolders folders, int sockets, long tensors, long tensorBytes)
    {
        _folders = folders;
        _sockets = sockets;
        _tensors = tensors;
        _tensorBytes = tensorBytes;
    }

    public static LeakCheck Start(WorkFolders folders) =>
        new(folders, Descriptors().Count(IsSocket), TensorMemory.LiveCount, TensorMemory.LiveBytes);

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
            .Where(d => d.StartsWith(_folders.Root, StringComparison.Ordinal))
            .ToList();
        // Where the system does not tell, nothing is claimed.
        if (Directory.Exists(DescriptorFolder))
            verdicts.Add(
                "No socket or file is left open",
                sockets <= _sockets && files.Count == 0,
                $"{Math.Max(0, sockets - _sockets)} sockets, {files.Count} files{(files.Count > 0 ? $" ({files[0]})" : "")}"
            );
        // Before any garbage collection by this check: what is dropped instead of disposed counts as a leak.
        var tensors = TensorMemory.LiveCount - _tensors;
        verdicts.Add(
            "Every tensor has been disposed",
            tensors == 0,
            FormattableString.Invariant(
                $"{tensors} tensors are alive, {TensorMemory.LiveBytes - _tensorBytes:#,0} bytes"
            )
        );
        var left = Directory
            .EnumerateFiles(_folders.Scratch, "*", SearchOption.AllDirectories)
            .ToList();
        verdicts.Add(
            "No temporary file is left behind",
            left.Count == 0,
            left.Count == 0
                ? "the folder of intermediate files is empty"
                : $"{left.Count} files, first {left[0]}"
        );
    }

    private static bool IsSocket(string target) =>
        target.StartsWith("socket:", StringComparison.Ordinal);

    /// <summary>What this process has open; empty where the system does not tell.</summary>
    private static List<string> Descriptors()
    {
        var targets = new List<string>();
        if (!Directory.Exists(DescriptorFolder))
            return targets;
        foreach (var link in Directory.EnumerateFileSystemEntries(DescriptorFolder))
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
