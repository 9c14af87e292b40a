// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using DeepInfra.Core;
using DeepInfra.Core.Interop;
using DeepInfra.Core.Jit;

namespace DeepInfra.Testing;

/// <summary>A test that needs the real NVRTC.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NvrtcFactAttribute : FactAttribute
{
    private static readonly Lazy<string?> s_missing = new(Find);

    public NvrtcFactAttribute(
        [CallerFilePath] string? sourceFilePath = null,
        [CallerLineNumber] int sourceLineNumber = -1
    )
        : base(sourceFilePath, sourceLineNumber) => Skip = s_missing.Value;

    private static string? Find()
    {
        if (CudaApi.IsSimulatorSelected)
            return "needs NVRTC (this process runs on the simulator)";
        try
        {
            _ = NvrtcCompiler.Instance.Version;
            return null;
        }
        catch (NativeLibraryNotFoundException)
        {
            return "needs NVRTC (found: none)";
        }
    }
}
