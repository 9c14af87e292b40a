// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]
[assembly: DefaultDllImportSearchPaths(
    DllImportSearchPath.AssemblyDirectory | DllImportSearchPath.SafeDirectories
)]

namespace DeepInfra.Core.Interop;

/// <summary>The native library of this package.</summary>
internal static unsafe class CoreLibrary
{
    public static NativeArea Area { get; } =
        new(
            "core",
            "DeepInfra.Core.Cuda.linux-x64",
            CoreNativeMethods.HeaderAbiVersion,
            &CoreNativeMethods.UseDriver,
            &CoreNativeMethods.LastError
        );

    [ModuleInitializer]
    [SuppressMessage(
        "Usage",
        "CA2255",
        Justification = "The resolver must be registered before the first import is bound."
    )]
    internal static void RegisterResolver() =>
        NativeArea.RegisterResolver(typeof(CoreLibrary).Assembly, Area);
}
