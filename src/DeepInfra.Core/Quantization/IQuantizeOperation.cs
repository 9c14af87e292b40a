// SPDX-License-Identifier: MIT
using DeepInfra.Core.Numerics;

namespace DeepInfra.Core.Quantization;

/// <summary>A quantisation cut into items that threads take; see <see cref="QuantizeDispatch"/>.</summary>
internal interface IQuantizeOperation
{
    /// <summary>Number of items.</summary>
    int ItemCount { get; }

    /// <summary>Number of elements in all, which decides whether threads are worth it.</summary>
    long ElementCount { get; }

    /// <summary>Processes one item.</summary>
    void Execute<S, VF, VU, T, TFormat>(int item)
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct
        where T : unmanaged
        where TFormat : struct, ICodeFormat;
}
