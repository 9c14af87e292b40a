// SPDX-License-Identifier: MIT
namespace DeepInfra.Testing;

/// <summary>
/// The folder of the checkout. Found upwards from the test program: source paths in the binaries are rewritten in
/// deterministic builds and lead nowhere.
/// </summary>
public static class RepositoryRoot
{
    /// <summary>The absolute path.</summary>
    public static string Path { get; } = Find();

    /// <summary>The text of a file of the checkout.</summary>
    /// <param name="relativePath">Path below the root.</param>
    public static string ReadText(string relativePath) =>
        File.ReadAllText(System.IO.Path.Combine(Path, relativePath));

    private static string Find()
    {
        for (
            var folder = AppContext.BaseDirectory;
            folder is not null;
            folder = System.IO.Path.GetDirectoryName(folder)
        )
            if (File.Exists(System.IO.Path.Combine(folder, "DeepInfra.slnx")))
                return folder;
        throw new DirectoryNotFoundException(
            $"No DeepInfra.slnx above '{AppContext.BaseDirectory}'."
        );
    }
}
