// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using DeepInfra.Core.Cuda;
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
        var architecture = TargetOf(api, spec);
        RequireVersion(api, architecture);
        string[] options =
        [
            $"--gpu-architecture={architecture}",
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
            var isPtx = CudaArchitecture.IsPtx(architecture);
            var ptxStatus = api.GetPtx(program, out ptx);
            if (isPtx)
                Check(api, ptxStatus, spec, "nvrtcGetPTX");
            else if (ptxStatus != NvrtcApi.Success)
                ptx = [];
            var cubin = ptx;
            if (!isPtx)
                Check(api, api.GetCubin(program, out cubin), spec, "nvrtcGetCUBIN");
            var resources = CubinResources.Read(cubin, symbol!);
            return new CompiledKernel
            {
                Name = spec.Name,
                Architecture = architecture,
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

    // A target that the compiler does not know is of a newer device: its driver can finish PTX of an older one.
    private static string TargetOf(NvrtcApi api, KernelSpec spec)
    {
        if (!spec.IsPortable || CudaArchitecture.IsPtx(spec.Architecture))
            return spec.Architecture;
        var number = CudaArchitecture.NumberOf(spec.Architecture);
        var known = api.SupportedArchitectures();
        var newest = known.Where(n => n <= number).DefaultIfEmpty().Max();
        return newest == number || newest == 0
            ? spec.Architecture
            : string.Create(CultureInfo.InvariantCulture, $"{CudaArchitecture.PtxPrefix}{newest}");
    }

    private static void RequireVersion(NvrtcApi api, string architecture)
    {
        // Earlier versions know the name sm_90a, but not all of its instructions.
        var required = CudaArchitecture.NumberOf(architecture) switch
        {
            >= 100 => new Version(12, 8),
            >= 90 => new Version(12, 3),
            _ => new Version(12, 0),
        };
        if (api.Version < required)
            throw new NvrtcTooOldException(
                api.Path,
                api.Version,
                required,
                architecture,
                NvrtcProbe.Remedy
            );
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
            known.Length > 0 && !known.Contains(CudaArchitecture.NumberOf(spec.Architecture))
                ? $" NVRTC {api.Version} does not know the target {spec.Architecture}: it knows sm_{string.Join(", sm_", known)}; use another version."
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

    /// <summary>The version in an identity of this class; null in others.</summary>
    internal static Version? VersionIn(string identity) =>
        identity.Split(' ') is ["nvrtc", _, var version, ..] && Version.TryParse(version, out var v)
            ? v
            : null;

    private static Loaded LoadLibrary()
    {
        var isSimulator = CudaApi.IsSimulatorSelected;
        var library = NvrtcProbe.Load();
        var api = new NvrtcApi(library);
        var attempts = isSimulator ? [] : NvrtcProbe.LoadBuiltins(api);
        // Another build of the simulator may lay out its kernels differently under the same version.
        var name = isSimulator
            ? $"{KernelImage.SimulatorCompiler}{KernelHash.Of(File.ReadAllBytes(library.Path)).ToShortString()}"
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
