// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary><c>DEEPINFRA_DEBUG_SYNC=1</c>: waits after every launch, so that an error names the kernel that caused it.</summary>
internal static class DebugSync
{
    private static readonly bool s_isOn =
        Environment.GetEnvironmentVariable("DEEPINFRA_DEBUG_SYNC") == "1";

    public static void AfterLaunch(CudaStream stream, string kernel)
    {
        if (s_isOn && !stream.IsCapturing)
            Synchronize(stream, kernel);
    }

    private static void Synchronize(CudaStream stream, string kernel)
    {
        using var use = stream.Use();
        stream.Context.Check(stream.Api.StreamSynchronize(stream.SafeHandle.Value), kernel);
    }
}
