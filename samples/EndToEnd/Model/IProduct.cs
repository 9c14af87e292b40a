// SPDX-License-Identifier: MIT
using DeepInfra.Core;

namespace EndToEnd.Model;

/// <summary>A product with a weight that it keeps in a narrower type.</summary>
internal interface IProduct
{
    /// <summary>The master weight.</summary>
    Parameter Weight { get; }

    /// <summary>The weight as the products see it, in the shape of the master weight.</summary>
    Tensor<float> Dequantize();
}
