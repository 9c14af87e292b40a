// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Runtime.InteropServices;
using DeepInfra.Core.Interop;

namespace DeepInfra.Core.Jit;

/// <summary>
/// NVIDIA's run-time compiler, in this process. It needs neither GPU nor driver nor toolkit headers: kernels bring their headers
/// along. With <c>DEEPINFRA_CUDA=sim</c> the simulator's compiler takes its place. Thread-safe.
/// </summary>
public sealed unsafe class NvrtcCompiler : IKernelCompiler
{
    // Language level of the kernels; functions without annotation are device code.
    private static readonly string[] s_fixedOptions = ["--std=c++20", "-default-device"];

    private readonly Lazy<Loaded> _loaded = new(LoadLibrary);

    private NvrtcCompiler() { }

    /// <summary>The compiler of this process; the library is loaded at first use.</summary>
    public static NvrtcCompiler Instance { get; } = new();

    /// <inheritdoc/>
    public string Identity => _loaded.Value.Identity;

    /// <summary>Version of NVRTC.</summary>
    /// <exception cref="NativeLibraryNotFoundException">NVRTC is not on this machine.</exception>
    public Version Version => _loaded.Value.Api.Version;

    /// <summary>The file or name that was loaded.</summary>
    /// <exception cref="NativeLibraryNotFoundException">NVRTC is not on this machine.</exception>
    public string LibraryPath => _loaded.Value.Api.Path;

    /// <summary>Compute capabilities that it compiles for, such as 90; empty if it cannot say.</summary>
    /// <exception cref="NativeLibraryNotFoundException">NVRTC is not on this machine.</exception>
    public IReadOnlyList<int> SupportedArchitectures => _loaded.Value.Api.SupportedArchitectures();

    /// <inheritdoc/>
    public CompiledKernel Compile(KernelSpec spec) => Compile(spec, out _);

    /// <summary>Compiles, and gives the PTX on the way if there is any.</summary>
    internal CompiledKernel Compile(KernelSpec spec, out byte[] ptx)
    {
        ArgumentNullException.ThrowIfNull(spec);
        spec.Validate();
        var (api, identity) = _loaded.Value;
        string[] options =
        [
            $"--gpu-architecture={spec.Architecture}",
            .. s_fixedOptions,
            .. spec.Options,
        ];
        var start = Stopwatch.GetTimestamp();
        using var texts = new NativeTexts();
        var program = Create(api, spec, texts);
        try
        {
            var entry = spec.EntryExpression is null ? null : texts.Add(spec.EntryExpression);
            if (entry is not null)
                Check(api, api.AddNameExpression(program, entry), spec, "nvrtcAddNameExpression");
            var status = api.Compile(program, options.Length, texts.Add(options));
            var log = api.GetLog(program);
            if (status != NvrtcApi.Success)
                throw Failed(api, status, spec, log, options);

            var symbol = spec.EntrySymbol;
            if (entry is not null)
                Check(
                    api,
                    api.GetLoweredName(program, entry, out symbol),
                    spec,
                    "nvrtcGetLoweredName"
                );
            Check(api, api.GetCubin(program, out var cubin), spec, "nvrtcGetCUBIN");
            if (api.GetPtx(program, out ptx) != NvrtcApi.Success)
                ptx = [];
            var resources = CubinResources.Read(cubin, symbol!);
            return new CompiledKernel
            {
                Name = spec.Name,
                Architecture = spec.Architecture,
                Cubin = cubin,
                EntrySymbol = symbol!,
                Compiler = identity,
                Log = log,
                CompileMilliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds,
                Registers = resources.Registers,
                StaticSharedBytes = resources.StaticSharedBytes,
                LocalBytes = resources.LocalBytes,
            };
        }
        finally
        {
            api.Destroy(program);
        }
    }

    private static nint Create(NvrtcApi api, KernelSpec spec, NativeTexts texts)
    {
        nint program = 0;
        var count = spec.Headers.Count;
        Check(
            api,
            api.CreateProgram(
                &program,
                texts.Add(spec.Source),
                texts.Add($"{spec.Name}.cu"),
                count,
                texts.Add(spec.Headers.Texts.Values),
                texts.Add(spec.Headers.Texts.Keys)
            ),
            spec,
            "nvrtcCreateProgram"
        );
        return program;
    }

    private DeepInfraException Failed(
        NvrtcApi api,
        int status,
        KernelSpec spec,
        string log,
        string[] options
    )
    {
        var builtins = NvrtcProbe.BuiltinsName(api.Version);
        if (
            status == NvrtcApi.BuiltinOperationFailure
            || log.Contains("libnvrtc-builtins", StringComparison.Ordinal)
        )
            return new NativeLibraryNotFoundException(
                builtins,
                $"NVRTC {api.Version} needs it: put it into the folder of {api.Path} (Debian: libnvrtc-builtins{api.Version}), or set {NvrtcProbe.PathVariable} to a folder that holds both.",
                [.. _loaded.Value.BuiltinAttempts, log]
            );
        var known = api.SupportedArchitectures();
        var unknownTarget =
            known.Length > 0 && !known.Contains(Cuda.CudaArchitecture.NumberOf(spec.Architecture))
                ? $" NVRTC {api.Version} does not know the target {spec.Architecture}: it knows sm_{string.Join(", sm_", known)}; use a newer one."
                : "";
        return new KernelCompilationException(
            spec,
            $"Compilation of {spec} failed: {api.ErrorText(status)}.{unknownTarget}",
            log,
            options
        );
    }

    private static void Check(NvrtcApi api, int status, KernelSpec spec, string function)
    {
        if (status != NvrtcApi.Success)
            throw new KernelCompilationException(
                spec,
                $"{function} failed for {spec}: {api.ErrorText(status)}.",
                "",
                []
            );
    }

    private static Loaded LoadLibrary()
    {
        var isSimulator = CudaApi.IsSimulatorSelected;
        var library = NvrtcProbe.Load();
        var api = new NvrtcApi(library);
        var attempts = isSimulator ? [] : NvrtcProbe.LoadBuiltins(api);
        // Another build of the simulator may lay out its kernels differently under the same version.
        var name = isSimulator
            ? $"cudasim {KernelHash.Of(File.ReadAllBytes(library.Path)).ToShortString()}"
            : $"nvrtc {NvrtcProbe.FullName(library.Path)}";
        return new Loaded(
            api,
            $"{name} {api.Version} {string.Join(' ', s_fixedOptions)} {RuntimeInformation.ProcessArchitecture}"
        )
        {
            BuiltinAttempts = attempts,
        };
    }

    private sealed record Loaded(NvrtcApi Api, string Identity)
    {
        public IReadOnlyList<string> BuiltinAttempts { get; init; } = [];
    }
}
