// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using DeepInfra.Core.Cpu;
using DeepInfra.Core.Cuda;
using DeepInfra.Core.Interop;
using DeepInfra.Core.Jit;

namespace DeepInfra.Core;

/// <summary>What DeepInfra found in this process: the first thing to look at, and to put into a bug report. Immutable.</summary>
public sealed record DeepInfraInfo
{
    // Only these are shown: other variables of a process are nobody's business.
    private static readonly string[] s_variables =
    [
        "DEEPINFRA_NATIVE_PATH",
        "DEEPINFRA_CUDA",
        "DEEPINFRA_CUDASIM_SEED",
        "DEEPINFRA_CUDASIM_DEVICES",
        "DEEPINFRA_CACHE_DIR",
        "DEEPINFRA_NVRTC_PATH",
        "DEEPINFRA_CPU_ISA",
        "DEEPINFRA_CPU_THREADS",
        "DEEPINFRA_GEMM_CPU_KERNELS",
        "DEEPINFRA_DEBUG_SYNC",
        "DEEPINFRA_JIT_DUMP",
        "DEEPINFRA_REQUIRE_GPU",
        "DOTNET_EnableHWIntrinsic",
        "DOTNET_EnableAVX2",
        "DOTNET_EnableAVX512",
    ];

    private DeepInfraInfo() { }

    /// <summary>Version of the DeepInfra packages.</summary>
    public required string Version { get; init; }

    /// <summary>The .NET runtime.</summary>
    public required string Runtime { get; init; }

    /// <summary>Operating system and processor architecture.</summary>
    public required string Platform { get; init; }

    /// <summary>Cores that this process may use.</summary>
    public required int ProcessorCount { get; init; }

    /// <summary>The widest SIMD that the process can run.</summary>
    public required SimdTier HardwareTier { get; init; }

    /// <summary>The SIMD that kernels use by default.</summary>
    public required SimdTier Tier { get; init; }

    /// <summary>Threads that an operation uses by default.</summary>
    public required int Threads { get; init; }

    /// <summary>The CPU, then CUDA devices with name and compute capability.</summary>
    public required IReadOnlyList<string> Devices { get; init; }

    /// <summary>Why there is no CUDA device; null if there is one.</summary>
    public required string? CudaMissingReason { get; init; }

    /// <summary>The CUDA driver and its CUDA version; null without driver.</summary>
    public required string? CudaDriver { get; init; }

    /// <summary>What <see cref="DevicePolicy.PreferCuda"/> chose and why; null if it was not asked.</summary>
    public required string? ChosenDevice { get; init; }

    /// <summary>The run-time compiler for CUDA kernels: version and file, or what is missing.</summary>
    public required string Nvrtc { get; init; }

    /// <summary>The environment variables of DeepInfra that are set, with their values.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>Things that cost speed without need; empty if there are none.</summary>
    public required IReadOnlyList<string> Hints { get; init; }

    /// <summary>Looks now.</summary>
    /// <exception cref="DeepInfraException">An environment variable has a value that cannot be understood.</exception>
    public static DeepInfraInfo Capture()
    {
        var options = CpuBackendOptions.Default;
        return new DeepInfraInfo
        {
            Version =
                typeof(DeepInfraInfo)
                    .Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
                    ?.InformationalVersion
                ?? "unknown",
            Runtime = RuntimeFeature.IsDynamicCodeCompiled
                ? RuntimeInformation.FrameworkDescription
                : $"{RuntimeInformation.FrameworkDescription}, Native AOT",
            Platform =
                $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}",
            ProcessorCount = System.Environment.ProcessorCount,
            HardwareTier = CpuBackendOptions.HardwareTier,
            Tier = options.Tier,
            Threads = options.MaxDegreeOfParallelism,
            Devices = [Device.Cpu.ToString(), .. Interop.CudaDriver.Devices.Select(Line)],
            CudaMissingReason = Interop.CudaDriver.MissingReason,
            CudaDriver = DescribeDriver(),
            ChosenDevice = DevicePolicy.Describe(),
            Nvrtc = DescribeNvrtc(),
            Environment = s_variables
                .Select(name => (name, value: System.Environment.GetEnvironmentVariable(name)))
                .Where(v => !string.IsNullOrEmpty(v.value))
                .ToDictionary(v => v.name, v => v.value!),
            Hints = FindHints(),
        };

        static string Line(CudaDeviceInfo device) => $"{Device.Cuda(device.Index)}: {device}";
    }

    /// <summary>Everything as text, one fact per line.</summary>
    public static string Describe() => Capture().ToString();

    /// <inheritdoc/>
    public override string ToString()
    {
        var text = new StringBuilder();
        void Line(string name, object value) =>
            text.AppendLine(CultureInfo.InvariantCulture, $"{name + ":", -14}{value}");

        Line("DeepInfra", Version);
        Line("runtime", Runtime);
        Line("platform", Platform);
        Line("cores", ProcessorCount);
        Line("SIMD", Tier == HardwareTier ? Tier : $"{Tier} (hardware: {HardwareTier})");
        Line("threads", Threads);
        Line("devices", string.Join("; ", Devices));
        if (CudaDriver is not null)
            Line("CUDA driver", CudaDriver);
        if (CudaMissingReason is not null)
            Line("CUDA", CudaMissingReason);
        if (ChosenDevice is not null)
            Line("chosen", ChosenDevice);
        Line("NVRTC", Nvrtc);
        foreach (var (name, value) in Environment)
            Line("environment", $"{name}={value}");
        foreach (var hint in Hints)
            Line("hint", hint);
        return text.ToString();
    }

    private static string? DescribeDriver() =>
        Interop.CudaDriver.Library is not { } library
            ? null
            : $"{library}, CUDA {CudaDriverTooOldException.Text(Interop.CudaDriver.DriverVersion)}{(Interop.CudaDriver.IsSimulator ? ", simulated on the CPU" : "")}";

    private static string DescribeNvrtc()
    {
        try
        {
            return $"{NvrtcCompiler.Instance.Version}, {NvrtcCompiler.Instance.LibraryPath}";
        }
        catch (NativeLibraryNotFoundException e)
        {
            return $"not found (tried {e.Attempts.Count} places; needed to compile CUDA kernels)";
        }
        catch (DeepInfraException e)
        {
            return e.Message;
        }
    }

    private static List<string> FindHints()
    {
        var hints = new List<string>();
        var isX64 = RuntimeInformation.ProcessArchitecture == Architecture.X64;
        if (isX64 && CpuBackendOptions.HardwareTier < SimdTier.V256)
            hints.Add(
                RuntimeFeature.IsDynamicCodeCompiled
                    ? "no AVX2 with FMA: CPU kernels run at a fraction of their speed"
                    : "compiled ahead of time without AVX2: set IlcInstructionSet to x86-64-v3 or x86-64-v4"
            );
        return hints;
    }
}
