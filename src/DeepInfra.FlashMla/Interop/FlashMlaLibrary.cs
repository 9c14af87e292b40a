// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DeepInfra.Core.Interop;

[assembly: DisableRuntimeMarshalling]
[assembly: DefaultDllImportSearchPaths(
    DllImportSearchPath.AssemblyDirectory | DllImportSearchPath.SafeDirectories
)]

namespace DeepInfra.FlashMla.Interop;

/// <summary>The native library of this package: found, checked and given its driver at first use. Thread-safe.</summary>
internal static unsafe class FlashMlaLibrary
{
    /// <summary>The version of the interface that the bindings were generated for, (major &lt;&lt; 16) | minor.</summary>
    public const uint AbiVersion = 0x0001_0000;

    private static readonly Lazy<LoadedLibrary> s_library = new(() =>
        NativeAbi.Load(
            FlashMlaNativeMethods.Library,
            "flashmla",
            AbiVersion,
            "Install the package DeepInfra.FlashMla.Cuda.linux-x64, or run ./build.sh native in the checkout and put the folder into DEEPINFRA_NATIVE_PATH."
        )
    );

    private static readonly Lazy<bool> s_driver = new(() =>
    {
        var api = CudaApi.Instance;
        var driver = new NativeDriver
        {
            StructSize = (uint)sizeof(NativeDriver),
            Flags = api.IsSimulator ? (uint)NativeDriverFlags.Simulator : 0,
            GetProcAddress = (void*)api.Resolver,
        };
        ThrowIfFailed(FlashMlaNativeMethods.UseDriver(&driver), "di_flashmla_use_driver");
        return true;
    });

    /// <summary>The file that was loaded.</summary>
    /// <exception cref="Core.NativeLibraryNotFoundException">It is nowhere, or cannot be loaded.</exception>
    /// <exception cref="Core.NativeAbiMismatchException">It is another version.</exception>
    public static string Path => s_library.Value.Path;

    /// <summary>Gives the library the driver that managed code uses; operations need it.</summary>
    /// <exception cref="Core.NativeLibraryNotFoundException">The library or the driver is missing.</exception>
    public static void EnsureDriver() => _ = s_driver.Value;

    /// <summary>Throws what a status of this library says; one comparison if it is success.</summary>
    /// <param name="status">What the call returned.</param>
    /// <param name="operation">The operation, for the message.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ThrowIfFailed(NativeStatus status, string operation)
    {
        if (status != NativeStatus.Ok)
            NativeStatusExtensions.Throw(status, operation, &FlashMlaNativeMethods.LastError);
    }

    // In a static constructor this would come too late: an import that suppresses the GC transition is bound when its
    // caller is compiled.
    [ModuleInitializer]
    [SuppressMessage(
        "Usage",
        "CA2255",
        Justification = "The resolver must be registered before the first import is bound."
    )]
    internal static void RegisterResolver() =>
        NativeLibrary.SetDllImportResolver(
            typeof(FlashMlaLibrary).Assembly,
            (name, _, _) => name == FlashMlaNativeMethods.Library ? s_library.Value.Handle : 0
        );
}
