// SPDX-License-Identifier: MIT
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace DeepInfra.Core.Interop;

/// <summary>
/// The native library of an area: found, checked and given its driver at first use. A failure stays: later calls throw the same
/// exception. Thread-safe.
/// </summary>
/// <example>
/// <code>
/// internal static unsafe class EpLibrary
/// {
///     public static NativeArea Area { get; } = new(
///         "ep", "DeepInfra.Ep.Cuda.linux-x64", EpNativeMethods.HeaderAbiVersion, &amp;EpNativeMethods.UseDriver, &amp;EpNativeMethods.LastError);
///
///     [ModuleInitializer]
///     internal static void RegisterResolver() => NativeArea.RegisterResolver(typeof(EpLibrary).Assembly, Area);
/// }
/// </code>
/// </example>
internal sealed unsafe class NativeArea
{
    private readonly Lazy<LoadedLibrary> _library;
    private readonly Lazy<bool> _driver;
    private readonly delegate* <NativeErrorInfo*, NativeStatus> _lastError;

    /// <summary>Describes a library of CUDA kernels; nothing is loaded yet.</summary>
    /// <param name="name">The area in the names of its functions, such as <c>core</c>.</param>
    /// <param name="package">The package that carries the library.</param>
    /// <param name="abiVersion">The version that the bindings were generated for, (major &lt;&lt; 16) | minor.</param>
    /// <param name="useDriver">The binding of <c>di_&lt;area&gt;_use_driver</c>.</param>
    /// <param name="lastError">The binding of <c>di_&lt;area&gt;_last_error</c>.</param>
    public NativeArea(
        string name,
        string package,
        uint abiVersion,
        delegate* <NativeDriver*, NativeStatus> useDriver,
        delegate* <NativeErrorInfo*, NativeStatus> lastError
    )
        : this(name, package, abiVersion, lastError, isForGpu: true)
    {
        _driver = new Lazy<bool>(() =>
        {
            var api = CudaApi.Instance;
            var driver = new NativeDriver
            {
                StructSize = (uint)sizeof(NativeDriver),
                Flags = api.IsSimulator ? (uint)NativeDriverFlags.Simulator : 0,
                GetProcAddress = (void*)api.Resolver,
            };
            ThrowIfFailed(useDriver(&driver), $"di_{name}_use_driver");
            return true;
        });
    }

    /// <summary>Describes a library that has nothing to do with GPUs; nothing is loaded yet.</summary>
    /// <param name="name">The area in the names of its functions.</param>
    /// <param name="package">The package that carries the library.</param>
    /// <param name="abiVersion">The version that the bindings were generated for, (major &lt;&lt; 16) | minor.</param>
    /// <param name="lastError">The binding of <c>di_&lt;area&gt;_last_error</c>.</param>
    public NativeArea(
        string name,
        string package,
        uint abiVersion,
        delegate* <NativeErrorInfo*, NativeStatus> lastError
    )
        : this(name, package, abiVersion, lastError, isForGpu: false) { }

    private NativeArea(
        string name,
        string package,
        uint abiVersion,
        delegate* <NativeErrorInfo*, NativeStatus> lastError,
        bool isForGpu
    )
    {
        _lastError = lastError;
        LibraryName = $"deepinfra_{name}";
        _library = new Lazy<LoadedLibrary>(() =>
            NativeAbi.Load(
                LibraryName,
                name,
                abiVersion,
                // A simulator has no use for what the package carries.
                isForGpu && CudaApi.IsSimulatorSelected
                    ? CudaApi.SimulatorRemedy
                    : $"Install the package {package}, or run ./build.sh native in the checkout and put the folder into {NativeLibraryProbe.PathVariable}."
            )
        );
        _driver = new Lazy<bool>(() =>
            throw new InvalidOperationException($"{LibraryName} takes no driver.")
        );
    }

    /// <summary>The name without prefix and suffix, as imports say it.</summary>
    public string LibraryName { get; }

    /// <summary>The file that was loaded.</summary>
    /// <exception cref="NativeLibraryNotFoundException">It is nowhere, or cannot be loaded.</exception>
    /// <exception cref="NativeAbiMismatchException">It is another version.</exception>
    public string Path => _library.Value.Path;

    /// <summary>Gives the library the driver that managed code uses; operations need it.</summary>
    /// <exception cref="NativeLibraryNotFoundException">The library or the driver is missing.</exception>
    /// <exception cref="NativeAbiMismatchException">The library is another version.</exception>
    public void EnsureDriver() => _ = _driver.Value;

    /// <summary>Throws what a status of this library says; one comparison if it is success.</summary>
    /// <param name="status">What the call returned.</param>
    /// <param name="operation">The operation, for the message.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void ThrowIfFailed(NativeStatus status, string operation)
    {
        if (status != NativeStatus.Ok)
            NativeStatusExtensions.Throw(status, operation, _lastError);
    }

    /// <summary>
    /// Lets the imports of an assembly find its libraries. To be called once per assembly, by a module initialiser: in a static
    /// constructor it would come too late, as an import that suppresses the GC transition is bound when its caller is compiled.
    /// </summary>
    /// <param name="assembly">The assembly with the imports.</param>
    /// <param name="areas">All libraries that it imports from.</param>
    public static void RegisterResolver(Assembly assembly, params NativeArea[] areas) =>
        NativeLibrary.SetDllImportResolver(
            assembly,
            (name, _, _) =>
                Array.Find(areas, a => a.LibraryName == name)?._library.Value.Handle ?? 0
        );
}
