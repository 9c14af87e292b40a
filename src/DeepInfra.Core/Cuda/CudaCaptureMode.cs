// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>What is forbidden while a stream captures; values of <c>CUstreamCaptureMode</c>.</summary>
public enum CudaCaptureMode
{
    /// <summary>No thread of the process may call what could break a capture, such as plain allocations.</summary>
    Global = 0,

    /// <summary>The capturing thread may not.</summary>
    ThreadLocal = 1,

    /// <summary>Everything is allowed, at the caller's risk.</summary>
    Relaxed = 2,
}
