// SPDX-License-Identifier: MIT
using System.ComponentModel;
using System.Diagnostics;

namespace DeepInfra.Core.Jit;

/// <summary>
/// The toolkit's offline compiler in a child process: for comparing its machine code with NVRTC's. It needs nvcc and a host
/// compiler, and takes seconds. It makes no PTX. Entry expressions work if the source then has exactly one kernel. Thread-safe.
/// </summary>
public sealed class NvccCompiler : IKernelCompiler
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(10);

    private readonly string _path;
    private readonly Lazy<string> _identity;

    /// <summary>Uses an installed nvcc; it is first run when a kernel is asked for.</summary>
    /// <param name="path">The program; by default <c>nvcc</c> of CUDA_HOME, else of the search path.</param>
    public NvccCompiler(string? path = null)
    {
        var home = Environment.GetEnvironmentVariable("CUDA_HOME");
        _path = path ?? (string.IsNullOrEmpty(home) ? "nvcc" : Path.Combine(home, "bin", "nvcc"));
        _identity = new Lazy<string>(ReadIdentity);
    }

    /// <inheritdoc/>
    public string Identity => _identity.Value;

    /// <inheritdoc/>
    public CompiledKernel Compile(KernelSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        spec.Validate();
        if (Cuda.CudaArchitecture.IsPtx(spec.Architecture))
            throw new NotSupportedException(
                $"nvcc compiles machine code here, got the virtual target {spec.Architecture}: use NvrtcCompiler for PTX"
            );
        var identity = Identity;
        var start = Stopwatch.GetTimestamp();
        var folder = Directory.CreateTempSubdirectory("deepinfra-nvcc-").FullName;
        try
        {
            WriteSources(folder, spec);
            string[] options =
            [
                "-cubin",
                "-O3",
                $"-arch={spec.Architecture}",
                "-std=c++20",
                "-I",
                Path.Combine(folder, "include"),
                .. spec.Options,
            ];
            var cubin = Path.Combine(folder, "kernel.cubin");
            var (code, log) = Run(
                [.. options, "-o", cubin, Path.Combine(folder, $"{spec.Name}.cu")],
                folder
            );
            if (code != 0 || !File.Exists(cubin))
                throw new KernelCompilationException(
                    spec,
                    $"Compilation of {spec} by nvcc failed with exit code {code}.",
                    log,
                    options
                );
            return Describe(spec, File.ReadAllBytes(cubin), identity, log, options, start);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static CompiledKernel Describe(
        KernelSpec spec,
        byte[] cubin,
        string identity,
        string log,
        string[] options,
        long start
    )
    {
        var kernels = CubinResources.Kernels(cubin);
        var symbol =
            spec.EntrySymbol
            ?? (
                kernels.Count == 1
                    ? kernels[0]
                    : throw new KernelCompilationException(
                        spec,
                        $"nvcc cannot tell which kernel of {spec} is {spec.EntryExpression}: expected one kernel, got {kernels.Count}.",
                        log,
                        options
                    )
            );
        var resources = CubinResources.Read(cubin, symbol);
        return new CompiledKernel
        {
            Name = spec.Name,
            Architecture = spec.Architecture,
            Cubin = cubin,
            EntrySymbol = symbol,
            Compiler = identity,
            Log = log,
            CompileMilliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds,
            Registers = resources.Registers,
            StaticSharedBytes = resources.StaticSharedBytes,
            LocalBytes = resources.LocalBytes,
        };
    }

    private static void WriteSources(string folder, KernelSpec spec)
    {
        var include = Path.Combine(folder, "include");
        Directory.CreateDirectory(include);
        foreach (var (name, text) in spec.Headers.Texts)
        {
            var path = Path.GetFullPath(Path.Combine(include, name));
            if (!path.StartsWith(include + Path.DirectorySeparatorChar, StringComparison.Ordinal))
                throw new ArgumentException(
                    $"spec: header name '{name}' leaves the include folder",
                    nameof(spec)
                );
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, text);
        }
        // A template is instantiated by taking its address in host code.
        var use = spec.EntryExpression is null
            ? ""
            : $"\nextern void* const deepinfra_entry = (void*)({spec.EntryExpression});\n";
        File.WriteAllText(Path.Combine(folder, $"{spec.Name}.cu"), spec.Source + use);
    }

    private string ReadIdentity()
    {
        var (code, text) = Run(["--version"], Path.GetTempPath());
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return code == 0 && lines.Length > 0
            ? $"nvcc {lines[^1].Trim()} -O3"
            : throw NotFound($"{_path} --version: exit code {code}: {text}");
    }

    private (int ExitCode, string Output) Run(IEnumerable<string> arguments, string folder)
    {
        Process process;
        try
        {
            process = Process.Start(
                new ProcessStartInfo(_path, arguments)
                {
                    WorkingDirectory = folder,
                    RedirectStandardOutput = true,
                    RedirectStandardError = true,
                }
            )!;
        }
        catch (Win32Exception e)
        {
            throw NotFound($"{_path}: {e.Message}");
        }
        using (process)
        {
            var output = process.StandardOutput.ReadToEndAsync();
            var error = process.StandardError.ReadToEndAsync();
            if (!process.WaitForExit(s_limit))
                process.Kill(entireProcessTree: true);
            process.WaitForExit();
            return (
                process.ExitCode,
                (error.GetAwaiter().GetResult() + output.GetAwaiter().GetResult()).TrimEnd()
            );
        }
    }

    private static NativeLibraryNotFoundException NotFound(string attempt) =>
        new(
            "nvcc",
            "Install a CUDA toolkit and set CUDA_HOME, or compile with NvrtcCompiler, which needs none.",
            [attempt]
        );
}
