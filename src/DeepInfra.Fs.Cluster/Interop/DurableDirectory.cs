// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster.Interop;

/// <summary>Directories whose names survive a power loss as surely as the files in them.</summary>
internal static class DurableDirectory
{
    /// <summary>Creates a directory with its missing parents and flushes every directory that got an entry.</summary>
    /// <exception cref="IOException">It cannot be created.</exception>
    /// <exception cref="ClusterStorageException">It cannot be flushed.</exception>
    public static void Create(string path)
    {
        var changed = new Stack<string>();
        for (
            var directory = Path.GetFullPath(path);
            !Directory.Exists(directory) && Path.GetDirectoryName(directory) is { } parent;
            directory = parent
        )
        {
            changed.Push(parent);
        }
        Directory.CreateDirectory(path);
        while (changed.TryPop(out var parent))
        {
            Flush(parent);
        }
    }

    /// <summary>Flushes a directory, so that files created in it survive a power loss.</summary>
    /// <exception cref="ClusterStorageException">It cannot be flushed.</exception>
    public static void Flush(string path)
    {
        try
        {
            LocalFileSystem.FlushDirectory(path);
        }
        catch (IOException e)
        {
            throw new ClusterStorageException(e.Message, e);
        }
    }
}
