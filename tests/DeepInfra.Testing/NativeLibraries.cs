// SPDX-License-Identifier: MIT
using DeepInfra.Core.Interop;

namespace DeepInfra.Testing;

/// <summary>
/// The native libraries of the checkout. <c>./build.sh test</c> builds them first and says where they are; a test that is run alone
/// finds those of the last build.
/// </summary>
public static class NativeLibraries
{
    private static readonly Lazy<bool> s_configured = new(Configure);

    /// <summary>Makes the libraries of the checkout findable, unless the environment says where others are.</summary>
    public static void UseBuilt() => _ = s_configured.Value;

    /// <summary>Skips the calling test where a library was not built.</summary>
    /// <param name="name">The name without prefix and suffix, such as <c>deepinfra_core</c>.</param>
    public static void Require(string name)
    {
        _ = s_configured.Value;
        var file = NativeLibraryProbe.FileName(name);
        var isThere = NativeLibraryProbe
            .Folders()
            .Any(folder => File.Exists(Path.Combine(folder, file)));
        Assert.SkipUnless(
            isThere,
            $"{file} is not built (needs CMake, Ninja and a C++20 compiler)"
        );
    }

    // A folder given from outside wins. Otherwise the build without CUDA kernels comes first: tests do not depend on nvcc.
    private static bool Configure()
    {
        if (Environment.GetEnvironmentVariable(NativeLibraryProbe.PathVariable) is { Length: > 0 })
            return false;
        var native = Path.Combine(RepositoryRoot.Path, "artifacts", "native", "linux-x64");
        Environment.SetEnvironmentVariable(
            NativeLibraryProbe.PathVariable,
            string.Join(
                Path.PathSeparator,
                Path.Combine(native, "Release-nocuda"),
                Path.Combine(native, "Release"),
                Path.Combine(native, "Release-cpu")
            )
        );
        return true;
    }
}
