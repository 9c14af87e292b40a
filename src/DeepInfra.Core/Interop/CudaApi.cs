// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Text;
using DeepInfra.Core.Cuda;

namespace DeepInfra.Core.Interop;

/// <summary>
/// The CUDA driver as a table of function pointers. It is found by name at first use (<c>libcuda.so.1</c>, <c>nvcuda.dll</c>, or
/// the simulator with <c>DEEPINFRA_CUDA=sim</c>) and its functions by <c>cuGetProcAddress</c>, so that a machine without driver, with
/// an old one or with an incomplete one gets an exception that says so. Thread-safe.
/// </summary>
internal sealed unsafe partial class CudaApi
{
    /// <summary>CUDA 12.0: context-free libraries, launch attributes, tensor maps.</summary>
    public const int RequiredVersion = 12000;

    public const string SelectVariable = "DEEPINFRA_CUDA";
    public const string SimulatorName = "deepinfra_cudasim";

    /// <summary>Where the simulator, and libraries whose kernels run on it, come from: no package carries them.</summary>
    public const string SimulatorRemedy =
        $"Run ./build.sh simulator in a checkout, and put the folder that it names into {NativeLibraryProbe.PathVariable}.";

    private static string DriverName => OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1";

    private static readonly string[] s_names = Enum.GetNames<CudaEntry>();
    private static readonly Lazy<Outcome> s_outcome = new(LoadOnce);

    private readonly nint[] _entries;

    private readonly delegate* unmanaged<byte*, nuint, int> _lastReport;

    private CudaApi(nint resolver, nint lastReport, string library, bool isSimulator, int version)
    {
        Resolver = resolver;
        _lastReport = (delegate* unmanaged<byte*, nuint, int>)lastReport;
        _entries = Resolve(resolver);
        Library = library;
        IsSimulator = isSimulator;
        Version = version;
    }

    /// <summary>The driver, initialised.</summary>
    /// <exception cref="NativeLibraryNotFoundException">There is no driver on this machine.</exception>
    /// <exception cref="CudaDriverTooOldException">The driver is too old.</exception>
    /// <exception cref="CudaException">The driver does not start: no device, or a broken installation.</exception>
    public static CudaApi Instance => s_outcome.Value.Get();

    /// <summary>The name or path that was loaded.</summary>
    public string Library { get; }

    /// <summary>True for the CUDA simulator.</summary>
    public bool IsSimulator { get; }

    /// <summary>CUDA version of the driver: 1000 · major + 10 · minor.</summary>
    public int Version { get; }

    /// <summary>What the simulator found wrong with the last failed launch: kernel, thread, line and seed. Empty for a real driver.</summary>
    public string LastReport()
    {
        if (_lastReport is null)
            return "";
        var text = new byte[_lastReport(null, 0) + 1];
        fixed (byte* pointer = text)
            _ = _lastReport(pointer, (nuint)text.Length);
        return Encoding.UTF8.GetString(text).TrimEnd('\0', '\n');
    }

    /// <summary>True if the process asks for the simulator.</summary>
    /// <exception cref="DeepInfraException">The variable has an unknown value.</exception>
    public static bool IsSimulatorSelected =>
        Environment.GetEnvironmentVariable(SelectVariable) switch
        {
            null or "" => false,
            "sim" => true,
            var other => throw new DeepInfraException(
                $"{SelectVariable}: expected 'sim' or nothing, got '{other}'"
            ),
        };

    /// <summary>The driver's <c>cuGetProcAddress_v2</c>, which native libraries are handed so that they use the same driver.</summary>
    public nint Resolver { get; }

    private nint this[CudaEntry entry]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            var address = _entries[(int)entry];
            if (address == 0)
                ThrowMissing(entry);
            return address;
        }
    }

    [DoesNotReturn]
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void ThrowMissing(CudaEntry entry) =>
        throw CudaDriverTooOldException.ForEntryPoint(
            Library,
            Version,
            RequiredVersion,
            "cu" + s_names[(int)entry]
        );

    private static Outcome LoadOnce()
    {
        try
        {
            return new Outcome(Load(), null);
        }
        catch (DeepInfraException e)
        {
            return new Outcome(null, e);
        }
    }

    private static CudaApi Load()
    {
        var isSimulator = IsSimulatorSelected;
        var library = isSimulator
            ? NativeLibraryProbe.Load(
                SimulatorName,
                $"{SimulatorRemedy} Unset {SelectVariable} to use a GPU."
            )
            : NativeLibraryProbe.LoadByName(
                $"the CUDA driver ({DriverName})",
                [DriverName],
                $"Install the NVIDIA driver (525.60 or newer), use Device.Cpu, or set {SelectVariable}=sim for the simulator."
            );
        var version = ReadVersion(library);
        if (version < RequiredVersion)
            throw CudaDriverTooOldException.ForVersion(library.Path, version, RequiredVersion);

        // The first version of this function has another signature; drivers from 12.0 on export both.
        if (!NativeLibrary.TryGetExport(library.Handle, "cuGetProcAddress_v2", out var resolver))
            throw CudaDriverTooOldException.ForEntryPoint(
                library.Path,
                version,
                RequiredVersion,
                "cuGetProcAddress_v2"
            );
        nint report = 0;
        if (isSimulator)
            _ = NativeLibrary.TryGetExport(library.Handle, "di_cudasim_last_report", out report);
        var api = new CudaApi(resolver, report, library.Path, isSimulator, version);
        var status = api.Init(0);
        return status == CudaErrorCode.Success ? api : throw new CudaException(status, "cuInit");
    }

    private static int ReadVersion(LoadedLibrary library)
    {
        if (
            !NativeLibrary.TryGetExport(library.Handle, "cuDriverGetVersion", out var address)
            || !NativeLibrary.TryGetExport(library.Handle, "cuInit", out _)
        )
            throw new NativeLibraryNotFoundException(
                $"the CUDA driver ({DriverName})",
                "A library of that name exists but is no CUDA driver: remove it from the library path.",
                [$"{library.Path}: no cuInit or cuDriverGetVersion"]
            );
        int version;
        var status = ((delegate* unmanaged<int*, CudaErrorCode>)address)(&version);
        return status == CudaErrorCode.Success
            ? version
            : throw new CudaException(status, "cuDriverGetVersion");
    }

    private static nint[] Resolve(nint resolver)
    {
        var find = (delegate* unmanaged<byte*, nint*, int, ulong, int*, CudaErrorCode>)resolver;
        var entries = new nint[s_names.Length];
        for (var i = 0; i < entries.Length; i++)
        {
            var name = Encoding.UTF8.GetBytes($"cu{s_names[i]}\0");
            nint address = 0;
            int found;
            fixed (byte* text = name)
                if (find(text, &address, RequiredVersion, 0, &found) != CudaErrorCode.Success)
                    address = 0;
            entries[i] = address;
        }
        return entries;
    }

    // A failure is kept: a driver that appears later must not hide that earlier calls failed.
    private sealed record Outcome(CudaApi? Api, DeepInfraException? Failure)
    {
        public CudaApi Get()
        {
            if (Failure is not null)
                ExceptionDispatchInfo.Throw(Failure);
            return Api!;
        }
    }
}
