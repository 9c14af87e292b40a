// SPDX-License-Identifier: MIT
namespace DeepInfra.Fs.Cluster.Tests;

/// <summary>A directory that is deleted with its content.</summary>
internal sealed class TempDirectory : IDisposable
{
    public TempDirectory()
    {
        Path = Directory.CreateTempSubdirectory("fs-cluster-").FullName;
    }

    public string Path { get; }

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public void Dispose()
    {
        try
        {
            Directory.Delete(Path, true);
        }
        catch (DirectoryNotFoundException)
        {
            // Deleted by the test.
        }
    }
}
