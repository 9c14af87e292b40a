// SPDX-License-Identifier: MIT
namespace EndToEnd;

/// <summary>
/// The folder of the cluster's data and the one of intermediate files. Without a folder of the user's both are temporary;
/// what this creates it removes, and nothing else.
/// </summary>
internal sealed class WorkFolders : IDisposable
{
    private readonly bool _temporary;
    private bool _scratchIsOurs;

    public WorkFolders(string? data)
    {
        _temporary = data is null;
        Root = Path.GetFullPath(
            data ?? Path.Combine(Path.GetTempPath(), $"deepinfra-{Guid.NewGuid():N}")
        );
        Directory.CreateDirectory(Root);
    }

    public string Root { get; }

    public string Cluster => Path.Combine(Root, "3fs");

    public string Scratch => Path.Combine(Root, "end-to-end.tmp");

    /// <summary>Creates the folder of intermediate files, without what a killed run has left in it.</summary>
    public void CreateScratch()
    {
        _scratchIsOurs = true;
        if (Directory.Exists(Scratch))
            Directory.Delete(Scratch, recursive: true);
        Directory.CreateDirectory(Scratch);
    }

    public void Dispose()
    {
        if (_temporary)
            Remove(Root);
        else if (_scratchIsOurs)
            Remove(Scratch);
    }

    private static void Remove(string folder)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                Directory.Delete(folder, recursive: true);
                return;
            }
            catch (DirectoryNotFoundException)
            {
                return;
            }
            catch (IOException) when (attempt < 20)
            {
                // A task that was stopped may still be closing a file.
                Thread.Sleep(50);
            }
        }
    }
}
