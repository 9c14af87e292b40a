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

/// <summary>The native library of this package.</summary>
internal static unsafe class FlashMlaLibrary
{
    public static NativeArea Area { get; } =
        new(
            "flashmla",
            "DeepInfra.FlashMla.Cuda.linux-x64",
            FlashMlaNativeMethods.HeaderAbiVersion,
            &FlashMlaNativeMethods.UseDriver,
            &FlashMlaNativeMethods.LastError
        );

    [ModuleInitializer]
    [SuppressMessage(
        "Usage",
        "CA2255",
        Justification = "The resolver must be registered before the first import is bound."
    )]
    internal static void RegisterResolver() =>
        NativeArea.RegisterResolver(typeof(FlashMlaLibrary).Assembly, Area);
}
