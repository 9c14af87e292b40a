// SPDX-License-Identifier: MIT
using System.Globalization;
using DeepInfra.Core.Jit;
using DeepInfra.Testing;

namespace DeepInfra.Core.Tests.Jit;

/// <summary>Processes that share a cache folder.</summary>
public class JitProcessTests
{
    private const string FolderVariable = "DEEPINFRA_TEST_JIT_FOLDER";
    private const int Processes = 8;
    private const int Kernels = 3;

    [NvrtcFact]
    [Trait("Category", "Slow")]
    public async Task GetOrBuild_EightProcessesOnAnEmptyFolder_CompileEachKernelOnce()
    {
        using var directory = new TempDirectory();
        var variables = new Dictionary<string, string?>
        {
            [FolderVariable] = directory.Path,
            ["DEEPINFRA_CACHE_DIR"] = directory.Combine("cache"),
        };

        await Task.WhenAll(
            Enumerable
                .Range(0, Processes)
                .Select(_ => ChildProcess.RunTestClassesAsync([typeof(Child).FullName!], variables))
        );

        var results = Directory
            .GetFiles(directory.Path, "*.count")
            .Select(f => int.Parse(File.ReadAllText(f), CultureInfo.InvariantCulture))
            .ToList();
        results.Should().HaveCount(Processes);
        results.Sum().Should().Be(Kernels);
        Directory.GetFiles(directory.Combine("cache", "kernels", "tmp")).Should().BeEmpty();
    }

    public class Child
    {
        [NvrtcFact]
        public async Task GetOrBuild_InChildProcess_CountsCompilations()
        {
            var folder = Environment.GetEnvironmentVariable(FolderVariable);
            Assert.SkipWhen(folder is null, "only meaningful in a child process");
            using var cache = new JitKernelCache();

            for (var i = 0; i < Kernels; i++)
            {
                var kernel = cache.GetOrBuild(
                    new KernelSpec(
                        $"k{i}",
                        $"extern \"C\" __global__ void f(int* x) {{ *x = {i}; }}",
                        "sm_90a"
                    )
                    {
                        EntrySymbol = "f",
                    }
                );
                kernel.EntrySymbol.Should().Be("f");
            }

            await File.WriteAllTextAsync(
                Path.Combine(folder!, $"{Environment.ProcessId}.count"),
                cache.Statistics.Compilations.ToString(CultureInfo.InvariantCulture),
                TestContext.Current.CancellationToken
            );
        }
    }
}
