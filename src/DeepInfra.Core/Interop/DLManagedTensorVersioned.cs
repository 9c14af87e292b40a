// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.Core.Interop;

/// <summary>A DLPack tensor that travels with its owner: 80 bytes where pointers have 8.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct DLManagedTensorVersioned
{
    /// <summary>The version that the rest follows.</summary>
    public DLPackVersion Version;

    /// <summary>The producer's own data.</summary>
    public void* ManagerContext;

    /// <summary>Called exactly once, from any thread, when the tensor is not needed any more; may be null.</summary>
    public delegate* unmanaged[Cdecl]<DLManagedTensorVersioned*, void> Deleter;

    /// <summary>The flags.</summary>
    public DLPackFlags Flags;

    /// <summary>The tensor.</summary>
    public DLTensor Tensor;
}
