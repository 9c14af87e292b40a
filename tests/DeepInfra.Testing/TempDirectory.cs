// SPDX-License-Identifier: MIT
namespace DeepInfra.Testing;

/// <summary>A fresh directory that is deleted with everything in it on disposal.</summary>
public sealed class TempDirectory : IDisposable
{
    public TempDirectory() => Path = Directory.CreateTempSubdirectory("deepinfra-").FullName;

    public string Path { get; }

    /// <summary>The path of something inside.</summary>
    public string Combine(params ReadOnlySpan<string> parts) =>
        System.IO.Path.Combine([Path, .. parts]);

    public void Dispose()
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                Directory.Delete(Path, recursive: true);
                return;
            }
            catch (DirectoryNotFoundException)
            {
                return;
            }
            catch (IOException) when (attempt < 5)
            {
                // A file may still be closing on another thread.
                Thread.Sleep(20);
            }
        }
    }
}
