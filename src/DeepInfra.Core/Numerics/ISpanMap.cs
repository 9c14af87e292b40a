// SPDX-License-Identifier: MIT
namespace DeepInfra.Core.Numerics;

/// <summary>An elementwise function in scalar and vector form, for <see cref="SpanMap"/>.</summary>
/// <typeparam name="TIn">The element type read.</typeparam>
/// <typeparam name="TOut">The element type written.</typeparam>
internal unsafe interface ISpanMap<TIn, TOut>
    where TIn : unmanaged
    where TOut : unmanaged
{
    /// <summary>One element.</summary>
    TOut Invoke(TIn value);

    /// <summary>As many elements as the width has lanes.</summary>
    void Invoke<S, VF, VU>(TIn* source, TOut* destination)
        where S : struct, ISimd<VF, VU>
        where VF : struct
        where VU : struct;
}
