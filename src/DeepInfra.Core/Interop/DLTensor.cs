// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace DeepInfra.Core.Interop;

/// <summary>DLPack's strided tensor: 48 bytes where pointers have 8. Owns nothing.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct DLTensor
{
    /// <summary>Start of the memory, in the address space of the device; null if there is no element.</summary>
    public void* Data;

    /// <summary>The device.</summary>
    public DLDevice Device;

    /// <summary>Number of dimensions.</summary>
    public int Rank;

    /// <summary>The element type.</summary>
    public DLDataType DataType;

    /// <summary><see cref="Rank"/> extents.</summary>
    public long* Shape;

    /// <summary><see cref="Rank"/> steps in elements; null means compact row-major.</summary>
    public long* Strides;

    /// <summary>Bytes from <see cref="Data"/> to element [0,…,0].</summary>
    public ulong ByteOffset;
}
