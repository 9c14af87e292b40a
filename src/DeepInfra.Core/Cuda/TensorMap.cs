// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using DeepInfra.Core.Interop;

namespace DeepInfra.Core.Cuda;

/// <summary>
/// A tensor-map descriptor for bulk tensor copies (<c>CUtensorMap</c>, 128 opaque bytes): passed to kernels by value, as a
/// <c>__grid_constant__</c> parameter. It holds an address, so the memory must outlive the launch.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = Bytes)]
public unsafe partial struct TensorMap
{
    /// <summary>Size of a descriptor.</summary>
    public const int Bytes = 128;

    private const int Alignment = 64;

    private fixed ulong _words[Bytes / sizeof(ulong)];

    /// <summary>Encodes a tiled tensor map.</summary>
    /// <param name="address">Device address of element [0,…,0]: 16-byte aligned, 32-byte with 32-byte interleave and padded 4- and 6-bit types.</param>
    /// <param name="layout">What is copied and how; every rule is checked here, before the driver is asked.</param>
    /// <exception cref="ArgumentException">A rule of tensor maps is broken; the message names it.</exception>
    /// <exception cref="NativeLibraryNotFoundException">No driver.</exception>
    /// <exception cref="CudaException">The driver refuses the map.</exception>
    public static TensorMap EncodeTiled(void* address, in TensorMapLayout layout)
    {
        TensorMapRules.Check((ulong)address, layout);
        var rank = layout.Rank;
        ulong* extents = stackalloc ulong[TensorMapLayout.MaxRank];
        ulong* strides = stackalloc ulong[TensorMapLayout.MaxRank];
        uint* box = stackalloc uint[TensorMapLayout.MaxRank];
        uint* steps = stackalloc uint[TensorMapLayout.MaxRank];
        for (var i = 0; i < rank; i++)
        {
            extents[i] = (ulong)layout.Extents[i];
            if (i > 0)
                strides[i - 1] = (ulong)layout.StrideBytes[i - 1];
            box[i] = (uint)layout.Box[i];
            steps[i] = layout.ElementSteps.IsEmpty ? 1u : (uint)layout.ElementSteps[i];
        }

        // The driver wants the result 64-byte aligned, which locals are not.
        var buffer = stackalloc byte[Bytes + Alignment];
        var aligned = (byte*)(((nuint)buffer + Alignment - 1) & ~(nuint)(Alignment - 1));
        var status = CudaApi.Instance.TensorMapEncodeTiled(
            aligned,
            (int)layout.ElementType,
            (uint)rank,
            address,
            extents,
            strides,
            box,
            steps,
            (int)layout.Interleave,
            (int)layout.Swizzle,
            (int)layout.L2Promotion,
            (int)layout.Fill
        );
        if (status != CudaErrorCode.Success)
            throw new CudaException(status, $"cuTensorMapEncodeTiled of {layout.ToString()}");
        return Unsafe.ReadUnaligned<TensorMap>(aligned);
    }
}
