// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Cuda;

/// <summary>Memory that knows which streams use it.</summary>
internal interface IStreamMemory : IDisposable
{
    /// <summary>The work enqueued on the stream uses the memory.</summary>
    void RecordStream(CudaStream stream);
}
