// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.Core.Interop;

/// <summary>The form of DLPack before version 1, 64 bytes where pointers have 8. Only imported, never written.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct DLManagedTensor
{
    /// <summary>The tensor.</summary>
    public DLTensor Tensor;

    /// <summary>The producer's own data.</summary>
    public void* ManagerContext;

    /// <summary>Called exactly once, from any thread, when the tensor is not needed any more; may be null.</summary>
    public delegate* unmanaged[Cdecl]<DLManagedTensor*, void> Deleter;
}
